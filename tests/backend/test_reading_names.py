"""A reading's name says nothing to who has the ledger's file alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from backend import tables
from backend.errors import KeyUnusable, LedgerKeyMissing
from backend.ledger import Ledger
from backend.naming import Name, identity_bytes, reading_id
from backend.reading_names import ReadingNames
from drivers.blood_pressure import decode
from tests.backend.office import (
    CUFF,
    DAY,
    KEY,
    PATIENT,
    START,
    Office,
    frame,
    ledger_at,
    naive,
    utc,
)
from uplink.keys import X25519, X_WING, OpeningKey
from uplink.records import ReadingRecord

OLDER = Path(__file__).parent / "older" / "ledger-1.sql"
MORNING = utc(2026, 3, 2, 12)
PLAIN = {
    bytes.fromhex("F6F0B21038ED46D55683DF288D94A06E"): 1,
    bytes.fromhex("760F4039CB473AFE1DC0D2C4F50729AE"): 2,
    bytes.fromhex("8AF6B117DC24F22B1D0F8B63FC2F677F"): 3,
}


def written(path):
    """The names as they lie in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: id_ for id_, name in connection.execute("SELECT id, reading_id FROM reading")}


def named(ledger):
    with ledger.reading() as connection:
        rows = connection.execute(select(tables.reading.c.reading_id, tables.reading.c.id))
        return dict(map(tuple, rows))


def guess(device_time):
    """What a stranger can: every frame that the device could have sent at this time."""
    for systolic in range(60, 260):
        raw = (("2A35", frame(device_time, systolic)),)
        reading = decode(raw[0][1], "A&D")
        assert not reading.failed
        record = ReadingRecord(None, 1, raw, (), device_time=reading.device_time)
        yield reading_id(identity_bytes(CUFF), Name("", b"", 0), record)


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(MORNING)
    return hub


def test_no_frame_can_be_guessed_from_the_file(office, hub):
    hub.measure(MORNING, frame(naive(MORNING), 187))
    office.take_all(hub)
    guesses = set(guess(naive(MORNING)))
    assert len(guesses) == 200
    assert named(office.ledger).keys() <= guesses
    assert not written(office.path).keys() & guesses
    for file in office.path.parent.glob("ledger.db*"):
        data = file.read_bytes()
        assert not [one for one in guesses if one in data]


def test_the_same_frame_is_the_same_reading_in_whatever_process(office, hub):
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take_all(hub)
    office.ledger.close()
    office.ledger = ledger_at(office.path)
    office.intake = office.make_intake()
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take_all(hub)
    assert (office.count(tables.reading), office.count(tables.sighting)) == (1, 2)


@pytest.mark.parametrize("suite", [X25519, X_WING])
def test_any_of_the_keys_may_be_the_one(office, hub, suite):
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take_all(hub)
    before = named(office.ledger)
    newer = OpeningKey.generate(suite)
    reopened = Ledger(office.path, ReadingNames(lambda: [newer, KEY]))
    assert named(reopened) == before
    assert office.verify().problems == []
    reopened.close()


def test_without_its_key_no_name_is_read_or_written_and_all_else_is(office, hub):
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take_all(hub)
    before = written(office.path)
    office.ledger.close()
    for load, error in (
        (lambda: [OpeningKey.generate(X25519)], LedgerKeyMissing),
        (lambda: ReadingNames.of(office.path.parent / "no-keys")._load_keys(), KeyUnusable),
    ):
        ledger = Ledger(office.path, ReadingNames(load))
        with pytest.raises(error) as caught:
            named(ledger)
        assert "hpke" in f"{caught.value} {caught.value.hint}"
        row = {"reading_id": bytes(16), "device": 1, "failed": False}
        with pytest.raises(error), ledger.writing() as connection:
            connection.execute(tables.reading.insert().values(row))
        with ledger.reading() as connection:
            assert connection.scalars(select(tables.hub.c.id)).all() == ["hub-1"]
        ledger.close()
    assert written(office.path) == before


@pytest.fixture
def older(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLDER.read_text())
    assert written(path) == PLAIN
    return path


def test_an_older_ledger_is_written_anew_once(older):
    office = Office(older.parent)
    assert named(office.ledger) == PLAIN
    once = written(older)
    assert not once.keys() & PLAIN.keys()
    office.ledger.close()
    for file in older.parent.glob("ledger.db*"):
        data = file.read_bytes()
        assert not [name for name in PLAIN if name in data]
    ledger_at(older).close()
    assert written(older) == once


def test_what_an_older_ledger_has_counts_no_second_time(older):
    office = Office(older.parent)
    hub = office.enroll("hub-2").begin(START)
    hub.describe(MORNING)
    hub.measure(MORNING, frame(naive(MORNING)))
    hub.measure(MORNING + 5 * DAY, frame(naive(MORNING + 5 * DAY)))
    office.take_all(hub)
    assert (office.count(tables.reading), office.count(tables.sighting)) == (4, 5)
    assert office.calendar(PATIENT).qualifying_days == 3


def test_an_older_ledger_whose_upgrade_breaks_off_is_as_it_was(older):
    with pytest.raises(KeyUnusable):
        Ledger(older, ReadingNames.of(older.parent / "no-keys"))
    with closing(sqlite3.connect(older)) as connection:
        connection.execute(
            "CREATE TRIGGER halt BEFORE UPDATE ON reading WHEN old.id = 3 BEGIN"
            " SELECT RAISE(ROLLBACK, 'the power went'); END"
        )
    with pytest.raises(Exception, match="the power went"):
        ledger_at(older)
    assert written(older) == PLAIN
    with closing(sqlite3.connect(older)) as connection:
        connection.execute("DROP TRIGGER halt")
    assert named(ledger_at(older)) == PLAIN
