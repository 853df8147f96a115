"""A copy of the ledger while it is in use, and putting one in the place of a ledger that was lost.

A copy is one state of the ledger, and is held against it before it counts as one: SQLite's own
check of pages, indexes and references, and the rows of every table.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex

from backend.errors import (
    BackupUnsound,
    LedgerMissing,
    LedgerNewer,
    LedgerUnusable,
    OutputRefused,
    RestoreRefused,
)
from backend.guarding.exports import read_parts, write_export
from backend.guarding.sealed_files import unseal
from backend.ledger import FORMAT
from backend.outside import sync_folder
from uplink.keys import OpeningKey

Counts = Mapping[str, int]


def back_up(ledger: Path, out: Path, seal_to: Path | None = None) -> Counts:
    """Copy the ledger to a new file, sealed where a key is named; the rows of each table.

    Raises LedgerMissing, LedgerUnusable, BackupUnsound, OutputRefused or KeyUnusable.
    """
    if not ledger.exists():
        raise LedgerMissing(ledger)
    # Beside the ledger: what lies in the clear for a while is guarded as the ledger is.
    with _temporary(ledger) as copy:
        try:
            counts = _copy(ledger, copy)
        except sqlite3.Error as error:
            raise LedgerUnusable(ledger, str(error)) from error
        found = check(copy)
        if found != counts:
            raise BackupUnsound(copy, "its tables have other rows than the ledger's")
        write_export(out, read_parts(copy), seal_to)
    return counts


def restore(ledger: Path, copy: Path, key: OpeningKey | None = None) -> Counts:
    """Put a sound copy where the ledger was; the rows of each table.

    Raises RestoreRefused where anything is left of a ledger, BackupUnsound, LedgerNewer,
    SealedFileRefused or OutputRefused.
    """
    for ending in ("", "-wal", "-shm", "-journal"):
        rest = ledger.with_name(ledger.name + ending)
        if rest.exists():
            raise RestoreRefused(rest)
    if not copy.is_file():
        raise BackupUnsound(copy, "no such file")
    ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _temporary(ledger) as opened:
        write_export(opened, unseal(copy, key) if key else read_parts(copy))
        try:
            counts = check(opened)
        except BackupUnsound as error:
            raise BackupUnsound(copy, error.what) from error
        try:
            opened.replace(ledger)
            sync_folder(ledger.parent)
        except OSError as error:
            raise OutputRefused(ledger, error.strerror or str(error)) from error
    return counts


def check(copy: Path) -> Counts:
    """The rows of each table of a copy. Raises BackupUnsound or LedgerNewer."""
    try:
        with closing(sqlite3.connect(copy)) as connection:
            said = [line for (line,) in connection.execute("PRAGMA integrity_check")]
            if said != ["ok"]:
                raise BackupUnsound(copy, f"SQLite: {said[0]}")
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                raise BackupUnsound(copy, "SQLite: a row refers to one that is not there")
            counts = _count(connection)
            if counts.get("version") != 1:
                raise BackupUnsound(copy, "it is no ledger")
            ((found,),) = connection.execute("SELECT format FROM version")
    except sqlite3.Error as error:
        raise BackupUnsound(copy, str(error)) from error
    if not isinstance(found, int):
        raise BackupUnsound(copy, "it does not say its format")
    if found > FORMAT:
        raise LedgerNewer(copy, found, FORMAT)
    return counts


def _copy(ledger: Path, copy: Path) -> Counts:
    with closing(sqlite3.connect(ledger, isolation_level=None, timeout=30)) as source:
        # One state throughout, while others write: what is counted is what is copied.
        source.execute("BEGIN")
        counts = _count(source)
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    return counts


def _count(connection: sqlite3.Connection) -> Counts:
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    tables = sorted(name for (name,) in names if not name.startswith("sqlite_"))
    count = 'SELECT count(*) FROM "{}"'
    return {name: connection.execute(count.format(name)).fetchone()[0] for name in tables}


@contextmanager
def _temporary(ledger: Path) -> Iterator[Path]:
    path = ledger.with_name(f"{ledger.name}.copy-{token_hex(4)}")
    try:
        yield path
    finally:
        for ending in ("", ".new", "-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
