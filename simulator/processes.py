"""The processes of a demonstration: started, killed, measured and cleaned up by process id."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

STOP_TIMEOUT_S = 15
BLOCK_BYTES = 512  # of ru_oublock, getrusage(2): proc(5)'s `write_bytes` in such blocks


class Program:
    """One program that can be started again after it was killed; its output goes to a file.

    `written_bytes` is what all its lives together wrote to storage, but for those that ended by
    themselves. The kernel adds it up when they end: while a hub lives it shows nobody.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = folder / f"{name}.log"
        self.written_bytes = 0
        self.process: Process | None = None
        self._born_at = 0

    async def start(self, *, stdin: int | None = None, stdout: int | None = None) -> Process:
        """Start it; returns at once."""
        with self.log.open("ab") as log:
            self._born_at = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=stdin or asyncio.subprocess.DEVNULL,
                stdout=stdout or _file(log),
                stderr=_file(log),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return self.process

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to stop; `kill -9` if it does not."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        before = _written_blocks()
        with suppress(OSError):  # it has just ended by itself
            process.send_signal(how)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        self.written_bytes += BLOCK_BYTES * (_written_blocks() - before)

    def said(self) -> str:
        """What it has said since it was last started."""
        with self.log.open(errors="replace") as log:
            log.seek(self._born_at)
            return log.read()

    def assert_alive(self) -> None:
        """Raise RuntimeError with the end of its log if it has died by itself."""
        if self.process is not None and self.process.returncode is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{tail}")


def _written_blocks() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock


def written_bytes(pid: int) -> int:
    """Bytes this process caused to be written to storage: proc(5), `write_bytes`."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/PID/io has no write_bytes: the kernel counts no I/O per process")


def _file(log: IO[bytes]) -> int:
    return log.fileno()


class Home(Program):
    """The virtual home: commands go in as JSON lines, each is answered by one line."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        super().__init__(name, command, folder)
        self._asked = 0

    async def open(self) -> dict[str, Any]:
        """Start it; what it says when it is ready: `hci`, where a hub attaches, and `devices`."""
        process = await self.start(stdin=PIPE, stdout=PIPE)
        if process.stdout is None:
            raise RuntimeError("the home has no standard output")
        ready: dict[str, Any] = json.loads(await process.stdout.readline() or b"{}")
        if ready.get("event") != "ready":
            self.assert_alive()
            raise RuntimeError(f"the home did not come up: see {self.log}")
        return ready

    async def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """Send one command and return its answer. Raises RuntimeError where it was refused."""
        process = self.process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the home is not open")
        self._asked += 1
        number = self._asked
        process.stdin.write(json.dumps({"id": number, "do": do, **facts}).encode() + b"\n")
        await process.stdin.drain()
        while line := await process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == number:
                if not answer.get("ok", True):
                    raise RuntimeError(f"the home could not {do}: {answer}")
                return answer
        self.assert_alive()
        raise RuntimeError("the home ended")


async def run(*command: str, good: tuple[int, ...] = (0,)) -> str:
    """Run one command to its end and return what it printed. Raises RuntimeError with its words."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    if process.returncode not in good:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(err or out).decode()}")
    return out.decode()


def program(name: str) -> str:
    """The path of a program installed beside this interpreter."""
    return str(Path(sys.executable).parent / name)
