"""Random bytes of an outbox are flipped: nothing wrong comes out of it, and no loss is silent."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fakes.hand_clock import HandClock
from tests.faults.run import Result, Run
from tests.faults.storage.account import EVERYTHING, QUOTA, Account, Keys, TellingOutbox, reopen
from tests.faults.storage.home import draft, prepare
from uplink.errors import OutboxDamaged, OutboxNewer
from uplink.outbox import Outbox

FLIPS = (64, 64, 8, 1)
TARGETS = ((".db",), (".db-wal",), (".db", ".db-wal"))


class Image(NamedTuple):
    """An outbox in a folder, and what it holds."""

    folder: Path
    account: Account


class Trial(NamedTuple):
    """One damaged copy: how it ended, how many rows were due and how many came out."""

    end: str
    due: int
    there: int
    violation: str | None


async def flipped_outbox(run: Run) -> Result:
    """Copies of a killed and of a closed outbox, damaged in the database, its log, or both."""
    return await asyncio.to_thread(_run_all, run)


def _run_all(run: Run) -> Result:
    keys = Keys()
    images = [_make_killed(run.folder, keys), asyncio.run(_make_closed(run.folder, keys))]
    seeds = [run.dice.randrange(1 << 32) for _ in range(run.either(300, 2500))]
    context = multiprocessing.get_context("fork")
    state = (images, run.folder)
    with ProcessPoolExecutor(os.cpu_count(), context, _adopt, state) as pool:
        trials = list(pool.map(_try, seeds, chunksize=20))
    bad = [(seed, t.violation) for seed, t in zip(seeds, trials, strict=True) if t.violation]
    due, there = sum(t.due for t in trials), sum(t.there for t in trials)
    ends = Counter(trial.end for trial in trials)
    said = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    return Result(
        len(trials),
        due,
        there,
        note=f"64, 8 or 1 bytes: {said}; {due - there} rows lost, all of it reported",
        violation=f"flips of {bad[0][0]}: {bad[0][1]} (and {len(bad) - 1} more)" if bad else None,
    )


def _make_killed(folder: Path, keys: Keys) -> Image:
    image = folder / "killed"
    image.mkdir()
    return Image(image, asyncio.run(prepare(image / "outbox.db", keys)))


async def _make_closed(folder: Path, keys: Keys) -> Image:
    image, account = folder / "closed", Account(keys)
    image.mkdir()
    outbox = await reopen(image / "outbox.db", account)
    clock = HandClock()
    for size in (50, 400, 60):
        recorder = keys.recorder(outbox, clock)
        await recorder.record([draft(clock, size) for _ in range(40)])
        await recorder.record([draft(clock, size)])
        await recorder.close()
    [run, *_] = (await outbox.peek(*EVERYTHING)).runs
    await outbox.release({run.kid: [(1, 5)]}, 1_790_000_000_000)
    await outbox.close()
    return Image(image, account)


_here: tuple[list[Image], Path]


def _adopt(images: list[Image], folder: Path) -> None:
    global _here  # noqa: PLW0603  a worker's own
    _here = images, folder


def _try(seed: int) -> Trial:
    images, folder = _here
    dice = Random(seed)
    image = dice.choice(images)
    copy = folder / f"flipped-{os.getpid()}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(image.folder, copy)
    files = [copy / f"outbox{ending}" for ending in dice.choice(TARGETS)]
    damage([path for path in files if path.exists()] or [copy / "outbox.db"], dice)
    return asyncio.run(_open(copy / "outbox.db", image.account))


def damage(files: list[Path], dice: Random) -> None:
    """Flip random bytes of each of the files."""
    for path in files:
        data = bytearray(path.read_bytes())
        for _ in range(dice.choice(FLIPS)):
            data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
        path.write_bytes(data)


async def _open(path: Path, account: Account) -> Trial:
    due = account.due()
    try:
        outbox = await TellingOutbox.open(path, quota_bytes=QUOTA, keep_days=0)
    except (OutboxNewer, OutboxDamaged) as refused:
        return Trial(f"refused as {type(refused).__name__}", len(due), 0, None)
    except (sqlite3.Error, OSError, ValueError, TypeError) as fault:
        return Trial("crashed", len(due), 0, f"opening it raised {fault!r}")
    try:
        fault = await account.check(outbox, missing=len(due))
        there = await _read(outbox)
        lost = due - there
        is_told = bool(outbox.losses or outbox.quarantined > 1)
        if lost and not is_told and not fault:
            fault = f"{len(lost)} rows are gone and nothing is reported"
        end = "lost some" if lost else "doubtful" if outbox.losses else "unharmed"
    finally:
        await outbox.close()
    if fault is None:
        fault = await _open_again(path, account, there)
    return Trial(end, len(due), len(due & there), fault)


async def _open_again(path: Path, account: Account, there: set[tuple[bytes, int]]) -> str | None:
    outbox = await TellingOutbox.open(path, quota_bytes=QUOTA, keep_days=0)
    try:
        if outbox.losses:
            return f"the second start reports again: {outbox.losses}"
        if await _read(outbox) != there:
            return "the second start finds other rows than the first"
        return await account.check(outbox, missing=len(account.due()))
    finally:
        await outbox.close()


async def _read(outbox: Outbox) -> set[tuple[bytes, int]]:
    runs = (await outbox.peek(*EVERYTHING)).runs
    return {(run.kid, run.first + n) for run in runs for n in range(len(run.sealed))}
