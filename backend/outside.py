"""Files of JSON lines outside the database: what is appended stays when a ledger is put back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from backend.errors import OutputRefused

T = TypeVar("T")


def append_lines(path: Path, lines: Iterable[object]) -> None:
    """Append the lines, on disk when it returns; none make the file. Raises OutputRefused."""
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    try:
        is_new = not path.exists()
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(file).st_size
            # A power cut leaves half a line: what follows must not be read as its end.
            is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            data = (b"\n" if is_torn and text else b"") + text
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise OutputRefused(path, error.strerror or str(error)) from error


def read_lines(path: Path, shape: type[T]) -> Iterator[T | bytes]:
    """The lines, oldest first; one that is torn, or not of the shape, as bytes.

    Where there is no file there are none. Raises OutputRefused.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputRefused(path, error.strerror or str(error)) from error
    for line in data.split(b"\n"):
        try:
            if line:
                yield msgspec.json.decode(line, type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            yield line


def sync_folder(folder: Path) -> None:
    """Put the names in a folder onto disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
