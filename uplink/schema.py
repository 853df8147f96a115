"""The outbox's SQLite file: its tables, its settings, and reading it back with every CRC checked.

    record      id = epoch number << 32 | sequence, so ids follow the order of sealing
    epoch       how far an epoch goes, its chain and its end; a damaged row falls back to "nothing"
    key_record  the signed key record of an epoch, and key_copy the same once more
    checkpoint  the signed last checkpoint of an epoch that has ended, until the backend has it
    released    ids of rows that a receipt has named, by the receipt's hour; a damaged row: not so
    quarantine  rows that are damaged or were refused: kept, and stepped over

Every row has a CRC-32: SQLite's own check finds little of what happens to a card, and the key that
sealed a record is gone after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uplink.errors import OutboxNewer

SCHEMA_VERSION = 1
PAGE_BYTES = 1024
RESERVED_PAGES = 256  # above the readings' quota: key records, clock anchors and deletes always fit

_TABLES = (
    "CREATE TABLE record (id INTEGER PRIMARY KEY, crc INTEGER, sealed BLOB)",
    "CREATE TABLE epoch (number INTEGER PRIMARY KEY, known INT, ending INT, last INT, chain, crc)",
    "CREATE TABLE key_record (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
    "CREATE TABLE key_copy (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
    "CREATE TABLE checkpoint (number INTEGER PRIMARY KEY, last INT, signed BLOB, crc INTEGER)",
    "CREATE TABLE released (first INTEGER PRIMARY KEY, last INT, hour INT, crc INT)",
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


def connect(path: Path, quota_bytes: int) -> sqlite3.Connection:
    """The file, alone and checked. Raises OutboxNewer, and sqlite3.Error where it is no outbox."""
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    db.text_factory = bytes  # a damaged text need not be UTF-8
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # before the file has a page
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL: no -shm file to die of
        [version] = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            if _has_our_tables(db) or not is_consistent(db):
                raise sqlite3.DatabaseError  # noqa: TRY301  the version itself may be damaged
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
        if not _has_our_tables(db) or not is_consistent(db):
            raise sqlite3.DatabaseError  # noqa: TRY301  closes below
    except UnicodeDecodeError as fault:
        db.close()  # SQLite quotes the damaged text of a table
        raise sqlite3.DatabaseError from fault
    except BaseException:
        db.close()
        raise
    return db


def is_consistent(db: sqlite3.Connection) -> bool:
    """Whether SQLite finds its pages in order."""
    return bool(db.execute("PRAGMA quick_check(1)").fetchone() == (b"ok",))


def _has_our_tables(db: sqlite3.Connection) -> bool:
    tables = db.execute("SELECT sql FROM sqlite_master").fetchall()
    return tables == [(sql.encode(),) for sql in _TABLES]


@contextmanager
def unless_full() -> Iterator[None]:
    """Let housekeeping wait for room: on a full card readings must still leave."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
