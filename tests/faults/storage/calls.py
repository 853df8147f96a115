"""Each system call by which something is kept fails once: by kill, by EIO, by ENOSPC.

The calls of an undisturbed life are counted first; then one life each is lived in which the Nth
fails, for every N (a sample of them in the short form). A program goes on only where nothing that
it acknowledged is lost by it: it ends, refuses aloud, or lives through it (SQLite tries a failed
checkpoint again by itself). What it had acknowledged is there when it is started again.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from structlog.testing import capture_logs

from tests.fakes.hub_folder import Office
from tests.faults.run import Result, Run
from tests.faults.storage import books, home, keyring, older, trace
from tests.faults.storage.account import Keys
from tests.faults.storage.trace import FAULTS, READ_ONLY, Call, Life

SAMPLE = 40
READ_ONLY_EVERY = 9
KILLED = -9


class Program(Protocol):
    """What is made to fail, and what must hold when it is started again."""

    name: str

    def live(self, folder: Path, fault: Call | None) -> Life:
        """One life, over a copy of what was prepared."""

    def survive(self, folder: Path, life: Life, fault: Call) -> str | None:
        """Start again; what cannot be, or nothing."""


class Hub:
    """Recorder and outbox."""

    name = "hub"

    def __init__(self, prepared: Path) -> None:
        self._keys = Keys()
        self._before = asyncio.run(home.prepare(prepared / "outbox.db", self._keys))

    def live(self, folder: Path, fault: Call | None) -> Life:
        path = folder / "outbox.db"
        return trace.live(lambda tell: home.live(path, self._keys, tell), folder, fault)

    def survive(self, folder: Path, life: Life, fault: Call) -> str | None:
        account = self._before.copy()
        for line in life.told:
            account.hear(*line)
        path, may_doubt = folder / "outbox.db", life.code == KILLED or fault.is_first
        return asyncio.run(home.survive(path, self._keys, account, may_doubt=may_doubt))


class Upgrade:
    """Outbox of an older version."""

    name = "upgrade"

    def __init__(self, prepared: Path) -> None:
        older.prepare(prepared)

    def live(self, folder: Path, fault: Call | None) -> Life:
        return trace.live(lambda tell: older.live(folder / "outbox.db", tell), folder, fault)

    def survive(self, folder: Path, life: Life, fault: Call) -> str | None:
        may_doubt = life.code == KILLED or fault.is_first
        return asyncio.run(older.survive(folder / "outbox.db", life.told, may_doubt=may_doubt))


class Files:
    """The hub's key files."""

    name = "keys"

    def __init__(self, prepared: Path) -> None:
        self._office = Office()

    def live(self, folder: Path, fault: Call | None) -> Life:
        visit = keyring.Visit(folder / "hub", self._office)
        return trace.live(lambda tell: keyring.live(visit, tell), folder, fault)

    def survive(self, folder: Path, life: Life, fault: Call) -> str | None:
        return keyring.survive(keyring.Visit(folder / "hub", self._office), life.told)


class Books:
    """Intake and ledger."""

    name = "office"

    def __init__(self, prepared: Path) -> None:
        self._post = books.Post()
        self._post.write(prepared)

    def live(self, folder: Path, fault: Call | None) -> Life:
        return trace.live(lambda tell: books.live(folder, self._post, tell), folder, fault)

    def survive(self, folder: Path, life: Life, fault: Call) -> str | None:
        receipts = [bytes.fromhex(signed) for did, signed in life.told if did == "receipt"]
        return books.survive(folder, self._post, receipts)


class Trial(NamedTuple):
    """What came of one life; `acknowledged` is how often something was said to be kept."""

    program: str
    call: str
    end: str
    acknowledged: int
    violation: str | None
    is_doubtful: bool = False


async def failing_calls(run: Run) -> Result:
    """All programs, all calls, all faults."""
    # Their lives have event loops of their own, and are forked: none may run in here.
    return await asyncio.to_thread(_run_all, run)


def _run_all(run: Run) -> Result:
    programs: list[Program] = []
    todo: list[tuple[int, Call]] = []
    for number, make in enumerate((Hub, Upgrade, Files, Books)):
        prepared = run.folder / str(number)
        prepared.mkdir()
        programs.append(make(prepared))
        life = programs[-1].live(_copy(prepared), None)
        if life.code:
            return Result(
                violation=f"{programs[-1].name}: an undisturbed life ends with {life.code}"
            )
        calls = [Call(n, k + 1, f) for f in FAULTS for n, c in life.calls.items() for k in range(c)]
        calls += [
            Call(n, k + 1, READ_ONLY, is_first=True)
            for n in ("pwrite64", "write")
            for k in range(0, life.calls[n], READ_ONLY_EVERY)
        ]
        chosen = run.dice.sample(calls, SAMPLE) if run.is_quick else calls
        todo += [(number, call) for call in chosen]
    run.dice.shuffle(todo)
    context = multiprocessing.get_context("fork")
    state = (programs, run.folder)
    with ProcessPoolExecutor(os.cpu_count(), context, _adopt, state) as pool:
        return _conclude(list(pool.map(_try, todo, chunksize=4)))


def _conclude(trials: Sequence[Trial]) -> Result:
    bad = [trial for trial in trials if trial.violation]
    ends = Counter(trial.end for trial in trials)
    by_program = Counter(trial.program for trial in trials)
    said = ", ".join(f"{count} {what}" for what, count in (by_program + ends).items())
    doubts = sum(trial.is_doubtful for trial in trials)
    acknowledged = sum(trial.acknowledged for trial in trials)
    return Result(
        len(trials),
        acknowledged,
        acknowledged - len(bad),
        note=f"{said}; {doubts} times a torn frame was left, which is reported",
        violation=f"{bad[0].program}, {bad[0].call}: {bad[0].violation}" if bad else None,
    )


_here: tuple[Sequence[Program], Path]


def _adopt(programs: Sequence[Program], folder: Path) -> None:
    global _here  # noqa: PLW0603  a worker's own
    _here = programs, folder


def _try(todo: tuple[int, Call]) -> Trial:
    number, call = todo
    programs, folder = _here
    program = programs[number]
    copy = _copy(folder / str(number))
    try:
        life = program.live(copy, call)
        end = _tell_end(call, life)
        if end is None:
            violation: str | None = f"it ended with {life.code}: {_last_words(copy)}"
        else:
            with capture_logs():
                violation = program.survive(copy, life, call)
    except RuntimeError as fault:
        return Trial(program.name, str(call), "failed", 0, str(fault))
    is_doubtful = any(copy.glob("*.damaged-*"))
    if not violation:
        shutil.rmtree(copy)
    done = sum(line[0] in {"kept", "receipt", "installed", "renewed"} for line in life.told)
    return Trial(program.name, str(call), end or "crashed", done, violation, is_doubtful)


def _tell_end(call: Call, life: Life) -> str | None:
    did = {line[0] for line in life.told}
    match life.code:
        case -9 if "KILL" in call.fault:
            return "killed"
        case home.ENDED:
            return "ended"
        case home.DONE if "full" in did and "ENOSPC" in call.fault:
            return "refused aloud"
        case home.DONE if "full" not in did:
            return "lived through"
    return None


def _last_words(folder: Path) -> str:
    lines = (folder / "life.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"


def _copy(prepared: Path) -> Path:
    number = 1
    while (copy := prepared.with_name(f"{prepared.name}-{os.getpid()}-{number}")).exists():
        number += 1
    shutil.copytree(prepared, copy)
    return copy
