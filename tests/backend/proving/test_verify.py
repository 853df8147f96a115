from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from backend import tables
from tests.backend.office import (
    DAY,
    HOUR,
    START,
    failed_frame,
    frame,
    naive,
    utc,
)
from uplink.records import ReadingRecord, decode

MORNING = utc(2026, 3, 2, 12)


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(MORNING)
    for day in range(3):
        hub.measure(MORNING + day * DAY, frame(naive(MORNING + day * DAY)))
    hub.measure(MORNING + HOUR, failed_frame(naive(MORNING + HOUR)))
    hub.measure(MORNING + 2 * HOUR, frame(naive(MORNING)), live=False)
    return hub


def test_a_sound_ledger_has_no_problem(office, hub):
    office.take_all(hub)
    found = office.verify()
    assert found.problems == []
    assert (found.records, found.readings, found.failed_measurements) == (6, 3, 1)
    assert (found.sightings, len(found.reading_ids)) == (5, 4)


def test_gaps_below_the_last_known_sequence_are_named(office, hub):
    office.take(hub, hub.key_record, hub.run(1, 1), hub.run(4, 4))
    first = hub.epoch.kid
    hub.begin_next(START + 5 * DAY, clean=False)
    hub.describe(START + 5 * DAY)
    lost = hub.epoch.kid
    hub.begin_next(START + 6 * DAY)
    office.take(hub, hub.key_record)
    hub.describe(START + 6 * DAY)
    office.take(hub, hub.run())
    found = office.verify()
    assert [gap[1:4] for gap in found.gaps] == [(first, 2, 3), (lost, 1, 1)]


def test_the_tail_of_an_epoch_is_known_from_the_one_that_follows(office, hub):
    office.take(hub, hub.key_record, hub.run(1, 4))
    assert not office.verify().gaps
    kid = hub.epoch.kid
    hub.begin_next(START + 5 * DAY)
    hub.describe(START + 5 * DAY)
    office.take_all(hub)
    assert [gap[1:4] for gap in office.verify().gaps] == [(kid, 5, 6)]


def tamper(office, statement):
    with office.ledger.writing() as connection:
        connection.execute(statement)


def test_every_chain_is_computed_again_and_what_is_not_in_it_is_named(office, hub):
    kid = hub.epoch.kid
    office.take(hub, hub.key_record, hub.run(), hub.checkpoint(last=2), hub.close())
    assert not office.verify().problems
    table = tables.record
    tamper(office, update(table).where(table.c.sequence == 4).values(sealed=hub.sealed[2]))
    assert any("of the records 3 to 6 one is not" in told for told in office.verify().problems)
    tamper(office, delete(table).where(table.c.sequence == 4))
    found = office.verify()
    assert [gap[1:4] for gap in found.gaps] == [(kid, 4, 4)]
    assert any("what `hubs` says is missing is not what is" in told for told in found.problems)


def test_a_record_that_was_added_behind_the_end_is_named(office, hub):
    office.take(hub, hub.key_record, hub.run(), hub.close())
    hub.anchor(START + DAY)
    office.take(hub, hub.run(7))
    assert any("ended at 6; 7 is beyond" in told for told in office.verify().problems)


@pytest.mark.parametrize("values", [{"signed": b"another"}, {"chain": bytes(32)}])
def test_a_checkpoint_that_changed_is_named(office, hub, values):
    office.take(hub, hub.key_record, hub.run(), hub.close())
    tamper(office, update(tables.checkpoint).values(values))
    assert len(office.verify().problems) == 1


def test_a_record_whose_bytes_changed_does_not_open(office, hub):
    office.take_all(hub)
    table = tables.record
    tamper(office, update(table).where(table.c.sequence == 3).values(sealed=bytes(60)))
    found = office.verify()
    assert (found.unopenable, found.doubles, len(found.problems)) == (1, 0, 1)


def test_a_key_record_whose_bytes_changed_is_named_and_so_is_what_it_hides(office, hub):
    office.take_all(hub)
    tamper(office, update(tables.epoch).values(key_record=b"another"))
    found = office.verify()
    assert (found.unopenable, found.doubles, len(found.problems)) == (6, 0, 1)


def test_a_reading_that_no_record_names_is_a_double(office, hub):
    office.take_all(hub)
    row = {"reading_id": bytes(16), "device": 1, "failed": False}
    tamper(office, tables.reading.insert().values(row))
    found = office.verify()
    assert (found.readings, found.doubles, len(found.problems)) == (4, 1, 1)


def test_a_reading_that_is_not_counted_is_named(office, hub):
    office.take_all(hub)
    tamper(office, delete(tables.sighting).where(tables.sighting.c.sequence == 6))
    assert len(office.verify().problems) == 1


def test_a_frame_that_says_something_else_than_its_record_is_named(office, hub):
    sealed = decode(hub.epoch._key.open(2, hub.sealed[1]), hub.epoch.start)
    assert isinstance(sealed, ReadingRecord)
    first, *others = sealed.observations
    hub.record(replace(sealed, observations=(first._replace(value=first.value + 1), *others)))
    hub.record(replace(sealed, raw=(("2A35", sealed.raw[0][1][:-1]),)))
    hub.record(replace(sealed, raw=()))
    office.take_all(hub)
    found = office.verify()
    assert found.undecodable == 3
    assert "another observations" in found.problems[0]


def test_a_driver_that_is_not_installed_is_named(office):
    hub = office.enroll("hub-2").begin(START)
    hub.describe(START, driver="of-a-third-party")
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take_all(hub)
    found = office.verify()
    assert found.undecodable == 1
    assert "of-a-third-party is not installed" in found.problems[0]


def test_what_cannot_be_so_is_named_beside_the_reading_and_changes_no_count(office, hub):
    hub.measure(MORNING + 4 * HOUR, frame(naive(MORNING + 4 * HOUR), systolic=60))
    office.take_all(hub)
    found = office.verify()
    assert (found.readings, found.problems) == (4, [])
    assert list(found.implausible.values()) == [("systolic-below-diastolic",)]
    assert {bytes.fromhex(name) for name in found.implausible} < found.reading_ids
