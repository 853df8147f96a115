"""A file of JSON lines; acknowledged when they are on disk. `-` is standard output."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from backend.errors import SinkFailed
from backend.relay.relayed import MARK
from backend.relay.sinks import BYTES, Page
from drivers.errors import Retry

STDOUT = "-"
TAIL_BYTES = 4 * BYTES  # more than a page: what lies before it was acknowledged


class StandardOutput:
    """Lines to whoever reads the process's output; acknowledged when they are written."""

    name = "jsonl:-"

    def __init__(self, output: int = 1) -> None:
        self._output = output

    def write(self, page: Page) -> None:
        """Write them. Raises SinkFailed for good once nobody reads."""
        try:
            _write_all(self._output, page.body())
        except OSError as error:
            hint = "Start it again together with the program that reads; it goes on from there."
            raise SinkFailed(f"standard output: {error.strerror}", Retry.NEVER, hint) from error


class JsonLines:
    """Appends to the file at `path`; one that was moved away is followed by a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.name = f"jsonl:{self._path}"
        self._file: int | None = None

    def write(self, page: Page) -> None:
        """Append and flush to disk. Raises SinkFailed."""
        try:
            file = self._open(page.first)
            end = os.fstat(file).st_size
            try:
                _write_all(file, page.body())
                os.fsync(file)
            except OSError:
                os.ftruncate(file, end)
                raise
        except OSError as error:
            self.close()
            hint = (
                "Make room, or make the folder writable for the relay; nothing is lost meanwhile."
            )
            raise SinkFailed(f"{self._path}: {error.strerror}", Retry.LATER, hint) from error

    def close(self) -> None:
        """Let go of the file; the next page opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, first: int) -> int:
        if self._file is not None and self._is_moved(self._file):
            self.close()
        if self._file is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
            self._lock(self._file)
            self._cut_torn(self._file, first)
            _flush_folder(self._path.parent)
        return self._file

    def _is_moved(self, file: int) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(file))

    def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            hint = "Stop the other relay, or give this one a file of its own."
            what = f"{self._path}: another process writes to it"
            raise SinkFailed(what, Retry.TECHNICIAN, hint) from error

    def _cut_torn(self, file: int, first: int) -> None:
        """Cut off what a power cut left of the page that was not acknowledged."""
        size = os.fstat(file).st_size
        self._refuse_stranger(os.pread(file, len(MARK), 0))
        begin = max(0, size - TAIL_BYTES)
        tail = os.pread(file, size - begin, begin)
        if begin:  # the first line of the tail began before it
            begin += (cut := tail.find(b"\n") + 1)
            tail = tail[cut:]
        sound = find_sound(tail, first)
        if sound < len(tail):
            os.ftruncate(file, begin + sound)
            os.fsync(file)
            structlog.get_logger().warning(
                "torn-line-cut", file=str(self._path), size=len(tail) - sound
            )

    def _refuse_stranger(self, head: bytes) -> None:
        """A file that we did not begin is not ours to cut; blank blocks are a power cut's."""
        if not MARK.startswith(head.rstrip(b"\0")):
            self.close()
            hint = "Name a new file, or one that a relay began."
            what = f"{self._path}: holds something else than a relay's lines"
            raise SinkFailed(what, Retry.TECHNICIAN, hint)


def find_sound(tail: bytes, first: int) -> int:
    """How much of the tail stays: all up to the first broken line that was not acknowledged.

    Lines before the cursor `first` were, and what is before them. A power cut can leave a hole in
    the midst of a page as well as half a line at its end.
    """
    sound = position = 0
    is_broken = False
    for line in tail.splitlines(keepends=True):
        position += len(line)
        cursor = _read_cursor(line)
        if cursor is None:
            is_broken = True
        elif not is_broken or cursor < first:
            is_broken = False
            sound = position
    return sound


def _read_cursor(line: bytes) -> int | None:
    """The cursor in a whole line; None where it is broken."""
    if line.startswith(MARK) and line.endswith(b"\n"):
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(line, type=_Cursor).cursor
    return None


class _Cursor(msgspec.Struct):
    cursor: int


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _flush_folder(folder: Path) -> None:
    """A new file's name is on disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
