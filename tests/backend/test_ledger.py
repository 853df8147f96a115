import sqlite3

import pytest
from sqlalchemy import update

from backend import ledger, tables
from backend.errors import LedgerMissing, LedgerNewer, LedgerUnusable
from tests.backend.office import ledger_at


def test_a_ledger_is_durable_private_and_strict(tmp_path):
    path = tmp_path / "deep" / "ledger.db"
    made = ledger_at(path, create=True)
    with made.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    made.close()
    ledger_at(path).close()


def test_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "ledger.db"
    made = ledger_at(path, create=True)
    with made.writing() as connection:
        connection.execute(update(tables.version).values(format=ledger.FORMAT + 1))
    made.close()
    for create in (False, True):
        with pytest.raises(LedgerNewer) as caught:
            ledger_at(path, create=create)
        assert (caught.value.found, caught.value.known) == (ledger.FORMAT + 1, ledger.FORMAT)


def test_a_missing_ledger_is_made_only_by_those_that_write(tmp_path):
    with pytest.raises(LedgerMissing):
        ledger_at(tmp_path / "ledger.db")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(tmp_path):
    text = tmp_path / "text.db"
    text.write_bytes(b"no database " * 1000)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(LedgerUnusable):
            ledger_at(path, create=True)
        assert path.read_bytes()[100:] == before[100:]


def test_a_transaction_that_fails_leaves_nothing(office):
    with pytest.raises(KeyError):
        write_and_fail(office)
    assert office.count(tables.patient) == 0


def write_and_fail(office):
    with office.ledger.writing() as connection:
        connection.execute(tables.patient.insert().values(id="patient-2"))
        raise KeyError


def test_no_value_lies_in_the_clear(office):
    """What counting needs does; what was measured does not."""
    columns = {column.name for table in tables.metadata.tables.values() for column in table.c}
    assert not columns & {"value", "observations", "raw", "frame"}
