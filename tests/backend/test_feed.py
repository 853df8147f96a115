import pytest
from sqlalchemy import select

from backend import tables
from backend.errors import CursorUnknown, LedgerUnusable
from backend.feed import enter_sink, move
from tests.backend.office import DAY, HOUR, START, frame, ledger_at, naive

SINK = "jsonl:/tmp/readings.jsonl"


def enter(office, name=SINK, since=None):
    with office.ledger.writing() as connection:
        return enter_sink(connection, name, since)


def rows(office):
    """(cursor, reading, revision, n) of the feed."""
    feed = tables.feed.c
    with office.ledger.reading() as connection:
        found = select(feed.cursor, feed.reading, feed.revision, feed.n).order_by(feed.cursor)
        return [tuple(row) for row in connection.execute(found)]


def measured(office, days=3):
    """A hub whose cuff measured once a day, each reading in a message of its own."""
    hub = office.enroll().begin(START)
    hub.describe(START)
    office.take_all(hub)
    for day in range(1, days + 1):
        measure(office, hub, day)
    return hub


def measure(office, hub, day):
    at = START + day * DAY + HOUR
    last = hub.measure(at, frame(naive(at)))
    office.take(hub, hub.run(last, last))


def test_a_ledger_without_sinks_has_no_feed(office):
    office.assign()
    measured(office)
    assert rows(office) == []


def test_a_new_sink_gets_what_was_judged_before_it_in_the_order_of_arrival(office):
    office.assign()
    hub = measured(office)
    assert enter(office) == 0
    assert rows(office) == [(1, 1, 1, 1), (2, 2, 1, 1), (3, 3, 1, 1)]
    measure(office, hub, 4)
    assert rows(office)[3:] == [(4, 4, 1, 1)]
    assert enter(office) == 0
    assert len(rows(office)) == 4


def test_a_reading_that_is_judged_anew_is_told_again(office):
    office.assign()
    enter(office)
    hub = office.enroll()
    hub.quality = 0
    hub.begin(START)
    hub.describe(START)
    hub.measure(START + DAY, frame(naive(START + DAY)))
    office.take_all(hub)
    assert rows(office) == [(1, 1, 1, 1)]
    hub.quality = 5
    last = hub.anchor(START + DAY + HOUR)
    office.take(hub, hub.run(last, last))
    assert rows(office) == [(1, 1, 1, 1), (2, 1, 2, 2)]


def test_what_a_repeat_does_not_change_is_not_told_again(office):
    office.assign()
    enter(office)
    hub = measured(office, 1)
    office.take_all(hub)
    assert len(rows(office)) == 1


def test_readings_that_become_another_patients_are_told_again(office):
    office.assign()
    enter(office)
    measured(office, 2)
    office.assign("patient-2", since=naive(START + 2 * DAY).date(), reassign=True)
    assert [row[:3] for row in rows(office)[2:]] == [(3, 1, 2), (4, 2, 2)]


def test_readings_of_a_patient_who_moves_are_told_again(office):
    office.assign()
    enter(office)
    measured(office, 2)
    office.assign(zone="America/Denver", since=naive(START + 2 * DAY).date())
    assert [row[:3] for row in rows(office)[2:]] == [(3, 1, 2), (4, 2, 2)]


def test_a_sink_begins_where_it_was_or_where_it_is_told_to(office):
    office.assign()
    enter(office)
    measured(office)
    with office.ledger.writing() as connection:
        move(connection, SINK, 3)
    assert enter(office) == 3
    assert enter(office, "mqtt:readings") == 0
    assert enter(office, since=1) == 1
    assert enter(office) == 1


def test_a_cursor_that_was_never_given_out_is_refused_and_nothing_is_entered(office):
    office.assign()
    measured(office)
    with pytest.raises(CursorUnknown) as caught:
        enter(office, since=4)
    assert (caught.value.cursor, caught.value.last) == (4, 3)
    assert office.count(tables.sink) == 0


def test_a_transaction_that_fails_leaves_no_row_of_the_feed(office):
    office.assign()
    enter(office)
    hub = measured(office, 1)
    office.limit_pages(0)
    with pytest.raises(LedgerUnusable):
        measure_until_full(office, hub)
    office.limit_pages(1_000_000)
    assert len(rows(office)) == office.count(tables.reading)


def measure_until_full(office, hub):
    for day in range(2, 400):
        measure(office, hub, day)


def test_a_ledger_from_before_relays_gets_their_tables(office):
    with office.ledger.writing() as connection:
        for table in (tables.feed, tables.sink):
            table.drop(connection)
    office.ledger.close()
    again = ledger_at(office.path, create=True)
    with again.writing() as connection:
        assert enter_sink(connection, SINK, None) == 0
    again.close()
