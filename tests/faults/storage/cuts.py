"""The power is cut between any two writes: what was not flushed is there, or not, or in part.

A life is recorded by strace, with every write, every flush and all that it told. For each moment of
it the card's files are put together anew: what was flushed is there; of what was written since
each write is kept, dropped or torn at a sector, by chance, or all are dropped, or all but the last
half. A hub that finds these files must have all that was acknowledged before that moment. The names
of files are taken as the kernel had them: a journalling file system keeps them in order.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from structlog.testing import capture_logs

from tests.faults.run import Result, Run
from tests.faults.storage import home, older, trace
from tests.faults.storage.account import Keys

SECTOR = 512
SAMPLE = 40
WAYS = ("none", "half", "chance")
TRACED = "pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename,openat,sendto"
RECORDING = ("-y", "-xx", "-s", "1048576", "-e", f"trace={TRACED}")

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>)?(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)(?:<(.*)>)?$")
_UNFINISHED = " <unfinished ...>"
_FD = re.compile(r"\d+<(.*?)>(?:, |$)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

Told = list[list[Any]]
Survive = Callable[[Path, Told], str | None]


class Event(NamedTuple):
    """A call that came back: of which file, with which bytes or numbers."""

    name: str
    path: str
    data: bytes = b""
    number: int = 0
    to: str = ""


def read_events(text: str) -> Iterator[Event]:
    """What was recorded, in the order in which the calls came back."""
    begun: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if not found:
            continue
        thread, resumed, words = found.groups()
        if words.endswith(_UNFINISHED):
            begun[thread] = words.removesuffix(_UNFINISHED)
            continue
        if resumed:
            words = begun.pop(thread) + words
        if call := _CALL.fullmatch(words):
            yield from _read_call(*call.groups())


def _read_call(name: str, words: str, result: str, opened: str | None) -> Iterator[Event]:
    texts = [bytes.fromhex(each.replace("\\x", "")) for each in _TEXT.findall(words)]
    of = _FD.match(words)
    path = _plain(of[1]) if of else ""
    match name:
        case "openat" if "O_CREAT" in words and opened:
            yield Event("create", _plain(opened))
        case "pwrite64":
            yield Event("write", path, texts[0][: int(result)], int(words.rpartition(", ")[2]))
        case "fdatasync" | "fsync":
            yield Event("flush", path)
        case "ftruncate":
            yield Event("size", path, number=int(words.rpartition(", ")[2]))
        case "unlink":
            yield Event("unlink", texts[0].decode())
        case "rename":
            yield Event("rename", texts[0].decode(), to=texts[1].decode())
        case "sendto" if texts[0] != b"\0":  # by which threads wake the event loop
            yield Event("told", "", texts[0][: int(result)])


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


class Card:
    """Files by name: what is flushed, and what was written since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flushed = {path.name: path.read_bytes() for path in folder.iterdir()}
        self._since: dict[str, list[Event]] = {name: [] for name in self._flushed}

    def take(self, event: Event) -> bool:
        """Go on by one event; whether anything is otherwise by it after a cut."""
        path = Path(event.path)
        if path.parent != self._folder or path.suffix == ".log":
            return False
        name = path.name
        match event.name:
            case "create":
                self._flushed.setdefault(name, b"")
                self._since.setdefault(name, [])
            case "unlink":
                self._flushed.pop(name, None)
                self._since.pop(name, None)
            case "rename":
                to = Path(event.to).name
                self._flushed[to], self._since[to] = self._flushed.pop(name), self._since.pop(name)
            case "flush":
                self._flushed[name] = _write(self._flushed[name], self._since[name])
                self._since[name] = []
            case "write" | "size":
                self._since[name].append(event)
        return True

    def cut(self, to: Path, way: str, dice: Random) -> None:
        """The files as a hub finds them after a power cut."""
        to.mkdir()
        for name, flushed in self._flushed.items():
            (to / name).write_bytes(_write(flushed, _keep(self._since[name], way, dice)))


def _keep(events: Sequence[Event], way: str, dice: Random) -> Iterator[Event]:
    for number, event in enumerate(events):
        is_last = number == len(events) - 1
        fate = dice.choice(("kept", "dropped", "torn")) if way == "chance" else "kept"
        if way == "none" or fate == "dropped":
            continue
        is_torn = fate == "torn" or (way == "half" and is_last)
        if is_torn and event.name == "write":
            sectors = dice.randrange(len(event.data) // SECTOR + 1)
            event = event._replace(data=event.data[: sectors * SECTOR])  # noqa: PLW2901  the torn one
        yield event


def _write(content: bytes, events: Iterator[Event] | Sequence[Event]) -> bytes:
    file = bytearray(content)
    for event in events:
        if event.name == "size":
            file = file[: event.number].ljust(event.number, b"\0")
        elif event.data:
            file = file.ljust(event.number, b"\0")
            file[event.number : event.number + len(event.data)] = event.data
    return bytes(file)


class Life(NamedTuple):
    """What is recorded, and what must hold afterwards."""

    name: str
    folder: Path
    work: Callable[[trace.Tell], int]
    survive: Survive


async def power_cuts(run: Run) -> Result:
    """Both lives, every moment of them (a sample in the short form)."""
    # Lives have event loops of their own, and are forked: none may run in here.
    return await asyncio.to_thread(_run_all, run)


def _run_all(run: Run) -> Result:
    cuts = kept = 0
    notes = []
    for life in (_live_hub(run.folder / "hub"), _live_older(run.folder / "older")):
        before = life.folder.with_name(f"{life.name}-before")
        shutil.copytree(life.folder, before)
        traced = life.folder.with_name(f"{life.name}-traced")
        traced.mkdir()
        card = Card(life.folder)
        done = trace.live(life.work, traced, recording=RECORDING)
        if done.code:
            return Result(violation=f"{life.name}: an undisturbed life ends with {done.code}")
        events = list(read_events((traced / "strace.log").read_text(errors="replace")))
        moments = sum(event.name != "told" for event in events)
        chosen = set(run.dice.sample(range(moments), SAMPLE) if run.is_quick else range(moments))
        told: Told = []
        heard, number = b"", -1
        for event in events:
            if event.name == "told":
                heard += event.data
                *lines, heard = heard.split(b"\n")
                told += map(json.loads, lines)
                continue
            number += 1
            if not card.take(event) or number not in chosen:
                continue
            for way in WAYS:
                image = life.folder.with_name(f"{life.name}-{number}-{way}")
                card.cut(image, way, run.dice)
                with capture_logs():
                    fault = life.survive(image, told)
                if fault:
                    said = f"{life.name}, cut after call {number} ({event.name}), {way}: {fault}"
                    return Result(cuts, violation=said)
                shutil.rmtree(image)
                cuts += 1
        if not told:
            return Result(violation=f"{life.name}: nothing was recorded of what it told")
        kept += sum(line[0] == "kept" for line in told)
        notes.append(f"{life.name}: {number + 1} calls")
    return Result(cuts, kept, kept, note=", ".join(notes))


def _live_hub(folder: Path) -> Life:
    folder.mkdir()
    keys = Keys()
    before = asyncio.run(home.prepare(folder / "outbox.db", keys))

    def survive(image: Path, told: Told) -> str | None:
        account = before.copy()
        for line in told:
            account.hear(*line)
        return asyncio.run(home.survive(image / "outbox.db", keys, account, may_doubt=True))

    return Life("hub", folder, lambda tell: home.live(folder / "outbox.db", keys, tell), survive)


def _live_older(folder: Path) -> Life:
    folder.mkdir()
    older.prepare(folder)

    def survive(image: Path, told: Told) -> str | None:
        return asyncio.run(older.survive(image / "outbox.db", told, may_doubt=True))

    return Life("older", folder, lambda tell: older.live(folder / "outbox.db", tell), survive)
