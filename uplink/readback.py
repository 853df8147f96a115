"""What a damaged outbox file still holds: every row that SQLite reaches and whose CRC is right."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from uplink.salvage import FILES, beside
from uplink.schema import Epoch, key_crc
from uplink.wire import MAX_SEQUENCE


class Rescued(NamedTuple):
    """The sound rows of one epoch, as (sequence, sealed)."""

    kid: bytes
    key_record: bytes
    rows: list[tuple[int, bytes]]


def read_back(path: Path) -> list[Rescued]:
    """The epochs of the file at `path` that have sound rows, oldest first; the file stays as it is.

    A copy is read, as SQLite would write to it. Nothing comes back where there is no room for one.
    """
    copy = beside(path, ".copy")
    try:
        for ending in FILES:
            if beside(path, ending).exists():
                shutil.copyfile(beside(path, ending), beside(copy, ending))
        with closing(sqlite3.connect(copy, timeout=0, isolation_level=None)) as db:
            db.text_factory = bytes
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            return _read(db)
    except (OSError, sqlite3.Error):
        return []
    finally:
        for ending in FILES:
            beside(copy, ending).unlink(missing_ok=True)


def _read(db: sqlite3.Connection) -> list[Rescued]:
    epochs: dict[int, Epoch] = {}
    for table in ("key_record", "key_copy"):
        for number, kid, signed, crc in _reach(db, "number, kid, signed, crc", table):
            if crc is not None and crc == key_crc(kid, signed):
                epochs[number] = Epoch(number, kid, signed)
    # By kid, which the CRC covers: the numbers may be what is damaged.
    sound: dict[bytes, dict[int, bytes]] = {epochs[n].kid: {} for n in sorted(epochs)}
    for row, crc, sealed in _reach(db, "id, crc, sealed", "record"):
        epoch = epochs.get(row >> 32)
        if epoch and epoch.holds(row, crc, sealed):
            sound[epoch.kid][row & MAX_SEQUENCE] = sealed
    key_records = {epoch.kid: epoch.key_record for epoch in epochs.values()}
    return [
        Rescued(kid, key_records[kid], sorted(rows.items())) for kid, rows in sound.items() if rows
    ]


def _reach(db: sqlite3.Connection, columns: str, table: str) -> Iterator[Any]:
    """Rows from both ends of a table, each until a page that cannot be read."""
    for direction in ("ASC", "DESC"):
        try:
            found = db.execute(f"SELECT {columns} FROM {table} ORDER BY 1 {direction}")  # noqa: S608  our own names
            yield from (row for row in found if isinstance(row[0], int))
        except (sqlite3.Error, UnicodeDecodeError):
            continue
        return
