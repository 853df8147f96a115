"""Processes of the product, forked from one that has imported everything: a birth costs 20 ms.

`python -m tests.faults.nursery` takes JSON lines {"main", "words", "log"} and answers {"pid"}, and
says {"pid", "code"} when a child has ended. With its stdin it ends, and all its children with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, Self

MODULES = (
    *("gateway.cli", "gateway.cli.run", "backend.cli", "backend.cli.run"),
    *("drivers.blood_pressure", "tests.faults.cord", "simulator.clock"),
)
STOP_TIMEOUT_S = 15


class Nursery:
    """The conductor's end of one nursery process."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "nursery.log"
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.nursery"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log.fileno(),
            )
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.stdin.close()
        await self._process.wait()
        await self._hearing

    async def bear(self, main: str, words: list[str], log: Path) -> int:
        """A new process; its id."""
        async with self._lock:
            asked = {"main": main, "words": words, "log": str(log)}
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            return await self._born.get()

    def ended(self, pid: int) -> asyncio.Future[int]:
        """Done when the process is, with its exit code."""
        return self._ended[pid]

    async def _hear(self) -> None:
        while line := await self._process.stdout.readline():
            heard = json.loads(line)
            if "code" in heard:
                self._ended[heard["pid"]].set_result(heard["code"])
            else:
                self._ended[heard["pid"]] = asyncio.get_running_loop().create_future()
                self._born.put_nowait(heard["pid"])


class Child:
    """One program with any number of lives, one after another; its output goes to a file."""

    def __init__(self, name: str, main: str, words: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._main = main
        self._words = words
        self._born_at = 0
        self._pid: int | None = None

    async def start(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._born_at = self.log.stat().st_size if self.log.exists() else 0
        self.log.touch()
        self._pid = await nursery.bear(self._main, self._words, self.log)

    @property
    def pid(self) -> int | None:
        """None where it does not run."""
        is_running = self._pid is not None and not self._nursery.ended(self._pid).done()
        return self._pid if is_running else None

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.shield(self._nursery.ended(self._pid))

    def said(self) -> str:
        """What it has said since it was last started."""
        with self.log.open(errors="replace") as log:
            log.seek(self._born_at)
            return log.read()

    async def _end(self, how: signal.Signals) -> None:
        if self.pid is None:
            return
        os.kill(self.pid, how)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.wait()
        except TimeoutError:
            os.kill(self._pid, signal.SIGKILL)
            await self.wait()


def main() -> None:
    for name in MODULES:
        import_module(name)
    children: set[int] = set()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing)
    rest = b""
    while True:
        ready = _select(reading)
        _reap(children)
        if reading in ready:
            os.read(reading, 4096)
        if 0 not in ready:
            continue
        data = os.read(0, 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            children.add(pid := _bear(json.loads(line)))
            _say(pid=pid)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _select(reading: int) -> list[int]:
    return select.select([0, reading], [], [])[0]


def _bear(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        sys.stdout.reconfigure(line_buffering=True)
        code = import_module(asked["main"]).main(asked["words"])
    except BaseException:  # noqa: BLE001  a child never goes back into the loop above
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        children.discard(pid)
        _say(pid=pid, code=os.waitstatus_to_exitcode(status))


def _say(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
