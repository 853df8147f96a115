"""Small files of the hub's state: replaced whole or not at all, on flash when written."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def replace(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Put `data` in the place of the file, whatever happens: what was or what is, never a part.

    Mode and owner are those of the file `like`; without one, it is the hub's alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = beside(path, ".new")
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(new, how, PRIVATE), "wb") as file:
        if like:
            there = like.stat()
            os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
            os.fchown(file.fileno(), there.st_uid, there.st_gid)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keep_before(path: Path) -> None:
    """Keep the file as it is now under its name with `.before`; nothing where there is none."""
    with suppress(FileNotFoundError):
        replace(beside(path, ".before"), path.read_bytes(), like=path)


def beside(path: Path, ending: str) -> Path:
    """The file of this name with that ending."""
    return path.with_name(path.name + ending)
