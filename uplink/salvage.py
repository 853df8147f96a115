"""Files of an outbox that cannot be trusted are kept under another name, never overwritten."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import NamedTuple

from uplink.wal import scan

_LOG = "-wal"
_DOUBT = ".in-doubt"
FILES = ("", _LOG, "-journal")


class Loss(NamedTuple):
    """What was found damaged: files, log-frames, key-records or rows, and how many of it at most.

    `kept_as` is the name of what was set aside, in the outbox's folder; `read_back` is how many
    rows of it were found sound and are in the outbox again.
    """

    what: str
    amount: int
    kept_as: str = ""
    read_back: int = 0


def keep_damaged_log(path: Path, page_bytes: int) -> Loss | None:
    """Copy the log of the database at `path` if SQLite would drop commits of it."""
    log = beside(path, _LOG)
    if not log.exists():
        return None
    if not path.exists() or not path.stat().st_size:
        return set_aside(path)  # SQLite deletes the log of an empty database
    data = log.read_bytes()
    lost = scan(data, page_bytes).lost
    if not lost:
        return None
    kept = _free_name(log, ("",))
    with kept.open("xb") as copy:
        copy.write(data)
        os.fsync(copy.fileno())
    _sync_folder(path)
    return Loss("log-frames", lost, kept.name)


def is_in_doubt(path: Path) -> bool:
    """Whether commits of the database at `path` were lost and its epochs do not say so yet."""
    return beside(path, _DOUBT).exists()


def put_in_doubt(path: Path) -> None:
    """Remember across a crash that commits were lost: once opened, SQLite shows no more of it."""
    beside(path, _DOUBT).touch()
    _sync_folder(path)


def end_doubt(path: Path) -> None:
    """The epochs of the database say so themselves."""
    beside(path, _DOUBT).unlink(missing_ok=True)


def set_aside(path: Path) -> Loss:
    """Rename the database at `path` and its log, so that under the new name they still belong."""
    kept = _free_name(path, FILES)
    move(path, kept)
    return Loss("files", 1, kept.name)


def move(path: Path, to: Path) -> None:
    """Rename the database at `path` with its log."""
    for ending in FILES:
        if beside(path, ending).exists():
            beside(path, ending).rename(beside(to, ending))
    _sync_folder(path)


def _free_name(path: Path, endings: tuple[str, ...]) -> Path:
    names = (beside(path, f".damaged-{number}") for number in count(1))
    return next(n for n in names if not any(beside(n, ending).exists() for ending in endings))


def beside(path: Path, ending: str) -> Path:
    """The file of that ending."""
    return path.with_name(f"{path.name}{ending}")


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
