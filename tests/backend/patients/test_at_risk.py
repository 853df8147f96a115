from datetime import UTC, date, datetime

import pytest

from backend.patients.at_risk import find_all, find_items
from tests.backend.office import DAY, HOUR, PATIENT, START, Office, frame, naive
from tests.backend.stating import call, papers, state, told

NOON = 17 * HOUR


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    office.now_ms = START
    office.assign()
    yield office
    office.ledger.close()


def measure_on(office, *days):
    """A reading at noon of each of these days of March, received at once."""
    hub = office.enroll().begin(START)
    hub.describe(START)
    for day in days:
        at_ms = START + (day - 1) * DAY + NOON
        hub.measure(at_ms, frame(naive(at_ms)))
        office.now_ms = at_ms + HOUR
        office.take_all(hub)


def items(office, day, month=3):
    """What can be saved in the afternoon of a day, without the words."""
    as_of = datetime(2026, month, day, 20, tzinfo=UTC)
    before = office.dump()
    with office.ledger.reading() as connection:
        found = find_items(connection, PATIENT, as_of)
        assert find_all(connection, as_of) == found
    assert office.dump() == before
    return [(one.what, one.who, one.needed, one.until, one.codes) for one in found]


def test_days_are_asked_for_from_the_tenth_day_on_and_while_they_can_be_reached(office):
    state(office, *papers())
    measure_on(office, 1, 2, 3, 4)
    assert items(office, 9) == []
    assert items(office, 10) == [("days", "patient", 12, date(2026, 3, 19), ("99453", "99454"))]
    assert items(office, 19) == [("days", "patient", 12, date(2026, 3, 19), ("99453", "99454"))]
    assert items(office, 20) == []


def test_one_day_is_asked_for_while_it_can_make_two(office):
    state(office, *papers())
    measure_on(office, 1)
    assert items(office, 16) == [
        ("days", "patient", 1, date(2026, 3, 30), ("99445",)),
        ("days", "patient", 15, date(2026, 3, 16), ("99453", "99454")),
    ]
    assert items(office, 30) == [("days", "patient", 1, date(2026, 3, 30), ("99445",))]
    assert items(office, 31) == []


def test_whoever_measures_often_enough_is_left_alone(office):
    state(office, *papers())
    measure_on(office, *range(1, 13))
    assert items(office, 12) == []


def test_days_in_hospital_and_after_a_revocation_are_not_hoped_for(office):
    state(office, *papers(), told("stay", since="2026-03-05", until="2026-03-28"))
    measure_on(office, 1, 2, 3, 4)
    assert items(office, 12) == []
    state(office, told("revocation", on="2026-03-10"))
    assert items(office, 12) == []


def test_a_locked_period_is_not_hoped_for(office):
    state(office, *papers())
    measure_on(office, 1, 2, 3, 4)
    office.now_ms = START + 9 * DAY
    state(office, told("lock", period=1, at="2026-03-10T00:00:00Z"))
    assert items(office, 12) == []


def test_minutes_are_asked_for_in_the_last_days_where_few_lack(office):
    state(office, *papers())
    measure_on(office, *range(1, 20))
    state(office, call("2026-03-10T10:00:00-05:00", "2026-03-10T10:08:00-05:00"))
    assert items(office, 26) == []
    assert items(office, 27) == [("minutes", "staff", 2, date(2026, 3, 31), ("99470",))]
    office.now_ms += DAY
    state(office, call("2026-03-20T10:00:00-05:00", "2026-03-20T10:10:00-05:00"))
    assert items(office, 27) == [("minutes", "staff", 2, date(2026, 3, 31), ("99457",))]
    state(office, call("2026-03-21T10:00:00-05:00", "2026-03-21T10:10:00-05:00"))
    assert items(office, 27) == []


def test_live_talk_is_asked_for_where_minutes_stand_without_it(office):
    state(office, *papers())
    measure_on(office, *range(1, 20))
    review = call("2026-03-10T10:00:00-05:00", "2026-03-10T10:25:00-05:00", live=False)
    state(office, review)
    assert items(office, 28) == [("live-contact", "staff", 1, date(2026, 3, 31), ("99457",))]


def test_a_paper_that_lacks_is_asked_for_and_what_else_blocks_is_not_hoped_away(office):
    without = [line for line in papers() if line["kind"] not in {"setup", "relationship"}]
    state(office, *without)
    measure_on(office, 1, 2, 3, 4)
    found = items(office, 8)
    assert [(what, who, until) for what, who, _, until, _ in found] == [
        ("paper", "practice", date(2026, 4, 6)),  # set-up today begins the episode today
        ("paper", "practice", date(2026, 4, 6)),
    ]
    state(office, told("global-period", since="2026-02-01", until="2026-05-01"))
    assert items(office, 8) == []


def test_nothing_is_hoped_for_under_rules_that_nobody_has_signed(office):
    office.now_ms += 310 * DAY
    state(office, *papers("2026-12-20"))
    hub = office.enroll().begin(START)
    hub.describe(START)
    at_ms = START + 294 * DAY + NOON
    hub.measure(at_ms, frame(naive(at_ms)))
    office.take_all(hub)
    with office.ledger.reading() as connection:
        assert find_items(connection, PATIENT, datetime(2027, 1, 5, tzinfo=UTC)) == []
