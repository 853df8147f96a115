"""Small files of the hub's state: replaced whole or not at all, on flash when written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file, whatever happens: what was or what is, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = beside(path, ".new")
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(new, how, PRIVATE), "wb") as file:
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
        replace(beside(path, ".before"), path.read_bytes())


def beside(path: Path, ending: str) -> Path:
    """The file of this name with that ending."""
    return path.with_name(path.name + ending)
