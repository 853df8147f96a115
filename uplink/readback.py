"""What a damaged outbox file still holds: every row that SQLite reaches and whose CRC is right."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from uplink.checkpoints import Signed
from uplink.epochs import Epoch, key_crc, state_crc
from uplink.salvage import FILES, beside
from uplink.wire import MAX_SEQUENCE


class Rescued(NamedTuple):
    """The sound rows of one epoch, as (sequence, sealed), its `epoch` row and last checkpoint."""

    kid: bytes
    key_record: bytes
    rows: list[tuple[int, bytes]]
    state: tuple[object, ...] | None = None
    checkpoint: Signed | None = None

    def describe(self, epoch: Epoch) -> None:
        """Take over how far the epoch went and how it ended; if that was not stated, it is lost."""
        epoch.read_state(self.state)
        epoch.doubt()


def read_back(path: Path) -> list[Rescued]:
    """What is sound in the file at `path`, oldest epoch first; the file stays as it is.

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
    rescued = {e.kid: Rescued(e.kid, e.key_record, []) for _, e in sorted(epochs.items())}
    rows: dict[bytes, dict[int, bytes]] = {kid: {} for kid in rescued}
    for row, crc, sealed in _reach(db, "id, crc, sealed", "record"):
        epoch = epochs.get(row >> 32)
        if epoch and epoch.holds(row, crc, sealed):
            rows[epoch.kid][row & MAX_SEQUENCE] = sealed
    for state in _reach(db, "number, known, ending, last, chain, crc", "epoch"):
        epoch = epochs.get(state[0])
        if epoch and Epoch(0, epoch.kid, b"").read_state(state):
            rescued[epoch.kid] = rescued[epoch.kid]._replace(state=state)
    for number, last, signed, crc in _reach(db, "number, last, signed, crc", "checkpoint"):
        epoch = epochs.get(number)
        if epoch and crc == state_crc(epoch.kid, last, signed):
            rescued[epoch.kid] = rescued[epoch.kid]._replace(checkpoint=Signed(last, signed))
    return [
        each._replace(rows=sorted(rows[kid].items()))
        for kid, each in rescued.items()
        if rows[kid] or each.checkpoint
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
