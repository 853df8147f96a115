from datetime import UTC, date, datetime, timedelta

import pytest

from backend.errors import EpisodeUnknown
from backend.patients.grid import load_grid
from backend.patients.grid_view import draw_grid, grid_as_json
from tests.backend.office import DAY, HOUR, MINUTE, PATIENT, START, Office, frame, naive, utc
from tests.backend.stating import call, papers, state, told

NOON = 17 * HOUR
LATER = START + 90 * DAY
AS_OF = datetime(2026, 5, 20, tzinfo=UTC)


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    office.now_ms = START
    office.assign()
    state(office, *papers())
    office.now_ms = LATER - 30 * DAY
    yield office
    office.ledger.close()


@pytest.fixture
def hub(office):
    hub = office.enroll().begin(START)
    hub.describe(START)
    return hub


def measure(hub, *instants):
    for at_ms in instants:
        hub.measure(at_ms, frame(naive(at_ms)))


def grid(office, month=None):
    with office.ledger.reading() as connection:
        return load_grid(connection, PATIENT, month, AS_OF)


def test_periods_and_months_stand_side_by_side(office, hub):
    measure(hub, *(START + n * DAY + NOON for n in (0, 1, 2, 35)))
    office.take_all(hub)
    state(
        office,
        call("2026-03-31T23:50:00-04:00", "2026-04-01T00:12:00-04:00"),
        told("stay", since="2026-03-01", until="2026-03-03"),
    )
    found = grid(office)
    assert [(one.period.number, one.qualifying_days) for one in found.periods] == [
        (1, 2),
        (2, 1),
        (3, 0),
    ]
    assert found.minutes == {date(2026, 3, 1): 10, date(2026, 4, 1): 12, date(2026, 5, 1): 0}
    lines = list(draw_grid(found))
    assert lines[1] == (
        "  1  2026-03-01 to 2026-03-30  *!*...........................   2 days  1 INPATIENT"
        "   2026-03    10"
    )
    assert len(lines) == 4


def test_a_month_shows_the_periods_that_touch_it(office, hub):
    measure(hub, *(START + n * DAY + NOON for n in (0, 35)))
    office.take_all(hub)
    found = grid(office, date(2026, 4, 1))
    assert [one.period.number for one in found.periods] == [2, 3]
    assert list(found.minutes) == [date(2026, 4, 1)]


def test_what_lies_in_a_seam_counts_in_neither_period_and_is_told_once(office, hub):
    state(office, told("patient", zone="America/Los_Angeles", since="2026-03-20"))
    measure(hub, START + NOON, utc(2026, 3, 31, 5, 30), utc(2026, 3, 31, 17))
    office.take_all(hub)
    found = grid(office)
    assert [(seam.after, seam.ends - seam.begins, seam.is_gap) for seam in found.seams] == [
        (1, timedelta(hours=3), True)
    ]
    assert [(str(one.reason), one.period) for one in found.uncounted] == [("BETWEEN_PERIODS", None)]
    assert sum(day.counted for one in found.periods for day in one.days) == 2
    assert all(not day.excluded for one in found.periods for day in one.days)
    told_lines = list(draw_grid(found))
    assert told_lines[-3:-1] == [
        "moved on 2026-03-20 from America/New_York to America/Los_Angeles",
        "seam after period 1: 3 hours from 2026-03-31 04:00Z belong to neither",
    ]
    assert told_lines[-1].endswith("-07:00  in no period, BETWEEN_PERIODS")
    assert sum("BETWEEN_PERIODS" in line for line in told_lines) == 1


def test_what_came_after_a_lock_is_listed_apart(office, hub):
    measure(hub, START + NOON, START + DAY + NOON)
    office.now_ms = START + 35 * DAY
    office.take(hub, hub.key_record, hub.run(1, 2))
    state(office, told("lock", period=1, at="2026-04-06T00:00:00Z"))
    office.now_ms += 2 * DAY
    office.take(hub, hub.run(3))
    found = grid(office)
    assert [(str(one.reason), one.period) for one in found.late] == [("LATE_AFTER_LOCK", 1)]
    assert found.uncounted == []
    assert grid_as_json(found)["late"][0]["shown"] == "2026-03-02"
    assert "after the claim was locked came:" in list(draw_grid(found))


def test_before_any_reading_counts_there_is_no_period(office, hub):
    measure(hub, START - 0 + MINUTE)
    office.take_all(hub)
    found = grid(office)
    assert (found.periods, found.seams) == ([], [])
    assert [str(one.reason) for one in found.uncounted] == ["NOT_ASSIGNED"]


def test_without_an_episode_there_is_no_grid(tmp_path):
    office = Office(tmp_path / "other")
    office.assign()
    with office.ledger.reading() as connection, pytest.raises(EpisodeUnknown):
        load_grid(connection, PATIENT, None, AS_OF)
    office.ledger.close()
