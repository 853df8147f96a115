"""The versions of the outbox's file: what each has added, and the way from one to the next.

A file of an older version is upgraded once, when it is opened. Each step is one transaction with
the file's version in it: a hub that is killed on the way finds an old file or a new one. There is
no way back: an older hub refuses the file, with OutboxNewer.
"""

from __future__ import annotations

import sqlite3

_STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE record (id INTEGER PRIMARY KEY, crc INTEGER, sealed BLOB)",
        "CREATE TABLE epoch (number INTEGER PRIMARY KEY, known INT, ending INT, last INT, chain, crc)",  # noqa: E501  as it stands in older files, letter by letter
        "CREATE TABLE key_record (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
        "CREATE TABLE key_copy (number INTEGER PRIMARY KEY, kid BLOB, signed BLOB, crc INTEGER)",
        "CREATE TABLE checkpoint (number INTEGER PRIMARY KEY, last INT, signed BLOB, crc INTEGER)",
        "CREATE TABLE released (first INTEGER PRIMARY KEY, last INT, hour INT, crc INT)",
        "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, reason TEXT)",
    ),
    ("CREATE TABLE flash (id INTEGER PRIMARY KEY, total, total_s, day, part, part_s, crc)",),
    ("CREATE TABLE ran (hour INTEGER PRIMARY KEY, ran_s, crc)",),
)
VERSION = len(_STEPS)


def upgrade(db: sqlite3.Connection, found: int) -> None:
    """Bring a file of the version `found` (0: an empty one) to this version, step by step."""
    for version, step in enumerate(_STEPS[found:], found + 1):
        with db:
            db.execute("BEGIN")
            for statement in step:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version}")


def has_tables(db: sqlite3.Connection, version: int) -> bool:
    """Whether the tables are those of this version, and no others."""
    tables = db.execute("SELECT sql FROM sqlite_master").fetchall()
    return tables == [(sql.encode(),) for step in _STEPS[:version] for sql in step]
