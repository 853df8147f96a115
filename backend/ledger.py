"""One database file: how it is opened and written. What it holds: `backend.tables`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    bindparam,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.exc import DatabaseError, StatementError

from backend.config import Settings
from backend.errors import BackendError, LedgerMissing, LedgerNewer, LedgerUnusable
from backend.reading_names import ReadingNames, lend
from backend.tables import MEASURED, measured, metadata, reading, reading_key, version

FORMAT = 2
CACHE_KIB = 64 * 1024  # the index over reading_id is touched all over
WAL_PAGES = 8_000  # 32 MB, which a backlog fills in seconds: pages are copied once, not often


class Ledger:
    """One database file. `reading` and `writing` lend a connection within one transaction."""

    def __init__(self, path: Path, names: ReadingNames, *, create: bool = False) -> None:
        """Open it. Raises LedgerMissing, LedgerNewer, LedgerUnusable or KeyUnusable."""
        self.path = path
        self._names = names
        if create:
            self._make_file()
        elif not path.exists():
            raise LedgerMissing(path)
        self._engine = _make_engine(path)
        lend(names, self._engine.dialect)
        if create:
            with self.writing() as connection:
                if not inspect(connection).get_table_names():
                    self._complete(connection)
                    connection.execute(insert(version).values(format=FORMAT))
        with self.reading() as connection:
            found = connection.scalars(select(version.c.format)).all()
            lacking = _find_lacking(connection)
        if len(found) != 1 or not isinstance(found[0], int):
            raise LedgerUnusable(path, "it does not say its format: it is damaged, or another's")
        if found[0] > FORMAT:
            raise LedgerNewer(path, found[0], FORMAT)
        if lacking:
            with self.writing() as connection:
                self._complete(connection)
        with self.reading() as connection:
            checks = connection.scalars(select(reading_key.c.check)).all()
        if len(checks) != 1 or not isinstance(checks[0], bytes):
            raise LedgerUnusable(path, "it does not say by which key it names readings")
        names.expect(path, checks[0])

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger throughout."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that alone may write; committed, and on disk, when the block ends."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                connection.execution_options(begin=begin)
                with connection.begin():
                    yield connection
        except DatabaseError as error:
            raise LedgerUnusable(self.path, str(error.orig)) from error
        except StatementError as error:
            # A name that was to be bound could not be written: no key for it.
            raise error.orig if isinstance(error.orig, BackendError) else error from error
        except UnicodeDecodeError as error:
            # SQLite quotes the damaged text of a table, or a text column is damaged.
            raise LedgerUnusable(self.path, "it holds text that is no text any more") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def _complete(self, connection: Connection) -> None:
        """Make the tables that an older ledger, or a new one, has not got, and what is in them."""
        lacking = _find_lacking(connection)  # another process may have been here first
        metadata.create_all(connection)
        if measured.name in lacking:
            connection.execute(text(f"INSERT INTO measured {MEASURED}"))
        if reading_key.name in lacking:
            connection.execute(insert(reading_key).values(check=self._names.begin()))
            connection.execute(update(version).values(format=FORMAT))
            connection.exec_driver_sql("PRAGMA secure_delete=ON")  # nothing is left of the old ones
            plain = type_coerce(reading.c.reading_id, LargeBinary)
            rows = connection.execute(select(reading.c.id, plain)).all()
            if rows:
                connection.execute(
                    update(reading)
                    .where(reading.c.id == bindparam("number"))
                    .values(reading_id=bindparam("named")),
                    [{"number": number, "named": named} for number, named in rows],
                )

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerUnusable(self.path, error.strerror or str(error)) from error


def open_ledger(settings: Settings, *, create: bool = False) -> Ledger:
    """The ledger of these settings. Raises as `Ledger` does."""
    names = ReadingNames.of(Path(settings.keys.dir))
    return Ledger(Path(settings.ledger.path), names, create=create)


def _find_lacking(connection: Connection) -> set[str]:
    return metadata.tables.keys() - set(inspect(connection).get_table_names())


def _make_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    # The sqlite3 module begins transactions by itself, late and deferred: two workers that both
    # read and then write would meet in "database is locked". So it is told not to.
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in (  # the last three cost durability nothing
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            f"wal_autocheckpoint={WAL_PAGES}",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options()["begin"])

    return engine
