"""The outbox's SQLite file: its tables, its settings, and reading it back with every CRC checked.

    record      id = epoch number << 32 | sequence, so ids follow the order of sealing
    epoch       how far an epoch goes, its chain and its end; a damaged row falls back to "nothing"
    key_record  the signed key record of an epoch, and key_copy the same once more
    checkpoint  the signed last checkpoint of an epoch that has ended, until the backend has it
    released    ids of rows that a receipt has named, by the receipt's hour; a damaged row: not so
    ran         how long the hub had run, by that hour; a damaged row: as long as it has by now
    quarantine  rows that are damaged or were refused: kept, and stepped over
    flash       what was written to the card, in one row: a damaged one begins anew

Every row has a CRC-32: SQLite's own check finds little of what happens to a card, and the key that
sealed a record is gone after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uplink.errors import OutboxNewer
from uplink.reserve import Reserve
from uplink.upgrade import VERSION, has_tables, upgrade

PAGE_BYTES = 1024
RESERVED_PAGES = 256  # above the readings' quota: key records, clock anchors and deletes always fit

_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 400",
    f"PRAGMA journal_size_limit = {1024 * PAGE_BYTES}",
    "PRAGMA secure_delete = OFF",  # Debian's default writes zeros over what is sealed anyway
    "PRAGMA cell_size_check = ON",
)


def connect(path: Path, quota_bytes: int) -> tuple[sqlite3.Connection, int]:
    """The file, alone, checked and of this version; and the version it was found in, 0: empty.

    Raises OutboxNewer, and sqlite3.Error where it is no outbox.
    """
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    db.text_factory = bytes  # a damaged text need not be UTF-8
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # before the file has a page
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL: no -shm file to die of
        [found] = db.execute("PRAGMA user_version").fetchone()
        if found > VERSION:
            if has_tables(db, VERSION) or not is_consistent(db):
                raise sqlite3.DatabaseError  # noqa: TRY301  the version itself may be damaged
            raise OutboxNewer(str(path), found, VERSION)  # noqa: TRY301  closes below
        if not has_tables(db, found):
            raise sqlite3.DatabaseError  # noqa: TRY301  closes below
        for setting in _SETTINGS:
            db.execute(setting)
        _upgrade(db, found, path)
        # Only now: of an older file every page may be in use.
        db.execute(f"PRAGMA max_page_count = {quota_bytes // PAGE_BYTES + RESERVED_PAGES}")
        with unless_full():
            # Frames behind a damaged one would be found damaged again at the next start.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not has_tables(db, VERSION) or not is_consistent(db):
            raise sqlite3.DatabaseError  # noqa: TRY301  closes below
    except UnicodeDecodeError as fault:
        db.close()  # SQLite quotes the damaged text of a table
        raise sqlite3.DatabaseError from fault
    except BaseException:
        db.close()
        raise
    return db, found


def is_consistent(db: sqlite3.Connection) -> bool:
    """Whether SQLite finds its pages in order."""
    return bool(db.execute("PRAGMA quick_check(1)").fetchone() == (b"ok",))


def _upgrade(db: sqlite3.Connection, found: int, path: Path) -> None:
    try:
        upgrade(db, found)
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        Reserve(path).give_up()  # a full card must not keep what lies there from leaving
        [reached] = db.execute("PRAGMA user_version").fetchone()
        upgrade(db, reached)


@contextmanager
def unless_full() -> Iterator[None]:
    """Let housekeeping wait for room: on a full card readings must still leave."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
