"""What one more message costs does not depend on what lies behind it. Counts, never times."""

import sys

import pytest

from tests.backend.costs import Cost
from tests.backend.office import DAY, HOUR, MINUTE, SECOND, START, Office, frame, naive


@pytest.fixture
def hub(office):
    office.assign()
    return office.enroll().begin(START)


def live_on(office, hub, first_day, days):
    """Days of ten readings each, an epoch a day, a hole in each epoch, a checkpoint at its end."""
    for day in range(first_day, first_day + days):
        at_ms = START + day * DAY
        if day:
            hub.begin_next(at_ms)
        hub.describe(at_ms)
        hub.describe(at_ms)
        for n in range(10):
            hub.measure(at_ms + n * HOUR, frame(naive(at_ms + n * HOUR)))
        office.now_ms = at_ms + DAY
        office.take(hub, hub.key_record, hub.run(1, 5), hub.run(7), hub.close())
        office.take(hub, hub.gone({hub.epoch.kid: [(6, 6)]}))


def measure_once(office, hub, at_ms):
    hub.measure(at_ms, frame(naive(at_ms)))
    cost = Cost(office)
    with cost.spending() as spent:
        assert office.take(hub, hub.run(hub.epoch.last_sequence)).receipt.stored
    return spent


def test_one_reading_more_costs_the_same_after_a_week_and_after_a_season(office, hub):
    live_on(office, hub, 0, 7)
    early = measure_once(office, hub, START + 6 * DAY + 11 * HOUR)
    live_on(office, hub, 7, 50)
    late = measure_once(office, hub, START + 56 * DAY + 11 * HOUR)
    assert late[0] <= early[0]
    assert late[1] <= early[1] + 3


@pytest.mark.long
def test_one_reading_more_costs_the_same_beside_thousands_of_holes(office, hub):
    live_on(office, hub, 0, 3)
    hub.begin_next(START + 3 * DAY).anchors(2_001, START + 3 * DAY)
    first = hub.run(1, 1)
    office.take(hub, hub.key_record, first)
    early = measure_once(office, hub, START + 3 * DAY + MINUTE)
    for n in range(3, 2_000, 2):
        office.take(hub, hub.run(n, n))
    late = measure_once(office, hub, START + 3 * DAY + 2 * MINUTE)
    assert len(office.gaps(hub)) > 900
    assert late[0] <= early[0] + 3
    assert late[1] <= early[1] + 25


def hold_sessions(hub, first, count):
    """Sessions half a minute apart: the device's clock is set, then a reading comes."""
    for n in range(first, first + count):
        at_ms = START + MINUTE + n * MINUTE // 2
        hub.clock(at_ms, naive(at_ms), is_set=True)
        hub.measure(at_ms + SECOND, frame(naive(at_ms), 90 + n % 100))


def take_twenty_beside(office, hub, sessions):
    """Statements, and calls of Python functions, for twenty readings beside so many sessions."""
    hub.describe(START)
    hold_sessions(hub, 0, sessions)
    office.take_all(hub)
    last = hub.epoch.last_sequence
    hold_sessions(hub, sessions, 20)
    calls = 0

    def count(_frame, what, _of):
        nonlocal calls
        calls += what == "call"

    cost = Cost(office)
    with cost.spending() as spent:
        sys.setprofile(count)
        office.take(hub, hub.run(last + 1))
        sys.setprofile(None)
    return spent[0], calls


def test_where_sessions_lie_densely_a_message_looks_at_each_once_and_not_for_each_reading(
    tmp_path,
):
    spent = []
    for sessions in (150, 450):
        office = Office(tmp_path / str(sessions))
        office.assign()
        hub = office.enroll().begin(START)
        spent.append(take_twenty_beside(office, hub, sessions))
        office.ledger.close()
    (statements, calls), (later_statements, later_calls) = spent
    assert later_statements <= statements
    assert later_calls - calls < 300 * 30  # of the sessions more; each was 20 times as much
