"""The outbox's SQLite file: its tables, its settings, and reading it back with every CRC checked.

    record      id = epoch number << 32 | sequence, so ids follow the order of sealing
    epoch       what is known of an epoch; a damaged row falls back to "nothing"
    key_record  the signed key record of an epoch, and key_copy the same once more
    quarantine  rows that are damaged or were refused: kept, and stepped over

Every row has a CRC-32: SQLite's own check finds little of what happens to a card, and the key that
sealed a record is gone after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from uplink.errors import OutboxNewer
from uplink.wire import MAX_SEQUENCE

SCHEMA_VERSION = 1
PAGE_BYTES = 1024
RESERVED_PAGES = 256  # above the readings' quota: key records, clock anchors and deletes always fit

_TABLES = (
    "CREATE TABLE record (id INTEGER PRIMARY KEY, crc INTEGER, sealed BLOB)",
    "CREATE TABLE epoch (number INTEGER PRIMARY KEY, known INT, clean INT, last INT, crc INT)",
    "CREATE TABLE key_record (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
    "CREATE TABLE key_copy (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
    "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, reason TEXT)",
)
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 400",
    f"PRAGMA journal_size_limit = {1024 * PAGE_BYTES}",
    "PRAGMA secure_delete = OFF",  # Debian's default writes zeros over what is sealed anyway
    "PRAGMA cell_size_check = ON",
)


@dataclass(slots=True)
class Epoch:
    """What the outbox knows of one epoch; `last_sequence` 0: nothing was appended."""

    number: int
    kid: bytes
    key_record: bytes = field(repr=False)
    is_known: bool = False
    is_clean: bool = False
    last_sequence: int = 0
    rows: int = 0

    def id_of(self, sequence: int) -> int:
        """The id of the row with this sequence."""
        return self.number << 32 | sequence

    def row(self, sequence: int, sealed: bytes) -> tuple[int, int, bytes]:
        """A row of `record`."""
        return self.id_of(sequence), self._crc(sequence, sealed), sealed

    def holds(self, row: int, crc: object, sealed: object) -> bool:
        """Whether a row that was read is as it was written."""
        return isinstance(sealed, bytes) and crc == self._crc(row & MAX_SEQUENCE, sealed)

    def key_row(self) -> tuple[int, bytes, bytes, int | None]:
        """A row of `key_record` and of `key_copy`."""
        return self.number, self.kid, self.key_record, key_crc(self.kid, self.key_record)

    def state_row(self) -> tuple[int, ...]:
        """A row of `epoch`."""
        state = (self.number, int(self.is_known), int(self.is_clean), self.last_sequence)
        return *state, _state_crc(*state)

    def _crc(self, sequence: int, sealed: bytes) -> int:
        return crc32(sealed, crc32(self.kid + sequence.to_bytes(4)))


def connect(path: Path, quota_bytes: int) -> sqlite3.Connection:
    """The file, alone and checked. Raises OutboxNewer, and sqlite3.Error where it is no outbox."""
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    db.text_factory = bytes  # a damaged text need not be UTF-8
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # before the file has a page
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL: no -shm file to die of
        [version] = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise OutboxNewer(str(path), version, SCHEMA_VERSION)  # noqa: TRY301  closes below
        for setting in _SETTINGS:
            db.execute(setting)
        db.execute(f"PRAGMA max_page_count = {quota_bytes // PAGE_BYTES + RESERVED_PAGES}")
        if not version:
            db.executescript(
                ";".join(("BEGIN", *_TABLES, f"PRAGMA user_version = {SCHEMA_VERSION}", "COMMIT"))
            )
        with unless_full():
            # Frames behind a damaged one would be found damaged again at the next start.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = db.execute("SELECT sql FROM sqlite_master").fetchall()
        check = db.execute("PRAGMA quick_check(1)").fetchone()
        if tables != [(sql.encode(),) for sql in _TABLES] or check != (b"ok",):
            raise sqlite3.DatabaseError  # noqa: TRY301  closes below
    except UnicodeDecodeError as fault:
        db.close()  # SQLite quotes the damaged text of a table
        raise sqlite3.DatabaseError from fault
    except BaseException:
        db.close()
        raise
    return db


def load_epochs(db: sqlite3.Connection) -> tuple[dict[int, Epoch], int]:
    """Epochs by number, and how many have lost both copies of their key record."""
    states = {row[0]: row for row in db.execute("SELECT * FROM epoch")}
    keys = list(db.execute("SELECT * FROM key_record UNION ALL SELECT * FROM key_copy"))
    epochs: dict[int, Epoch] = {}
    for number, kid, signed, crc in keys:
        if number not in epochs and crc == key_crc(kid, signed):
            epoch = epochs[number] = Epoch(number, kid, signed)
            state = states.get(number)
            if state and state[-1] == _state_crc(*state[:-1]):
                epoch.is_known, epoch.is_clean = bool(state[1]), bool(state[2])
                epoch.last_sequence = state[3]
    return epochs, len({number for number, *_ in keys} - epochs.keys())


@contextmanager
def unless_full() -> Iterator[None]:
    """Let housekeeping wait for room: on a full card readings must still leave."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise


def key_crc(kid: object, signed: object) -> int | None:
    """The CRC of a key record's row; None where it is no such row."""
    if isinstance(kid, bytes) and isinstance(signed, bytes):
        return crc32(signed, crc32(kid))
    return None


def _state_crc(*state: object) -> int:
    return crc32(repr(state).encode())
