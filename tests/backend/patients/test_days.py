from datetime import date
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from backend.dating.judge import Interval, Judgement, Method
from backend.errors import PatientUnknown
from backend.facts.assignments import Assignment, Zones
from backend.patients.days import Measured, make_calendar
from tests.backend.office import DAY, HOUR, MINUTE, PATIENT, START, failed_frame, frame, naive, utc

NEW_YORK = ZoneInfo("America/New_York")
HOME = Zones([(date(2026, 1, 1), NEW_YORK)])
MINE = Assignment(1, 1, None, PATIENT, date(2026, 3, 1), None)
numbers = count(1)


def measured(from_ms, to_ms=None, *, slot=None, device=1, received_ms=None, failed=False):
    at = Judgement(Method.RECEIVED, (Interval(from_ms, to_ms or from_ms + 1_000),))
    number = next(numbers).to_bytes(16)
    return Measured(number, device, slot, failed, at, received_ms or from_ms + MINUTE)


def held(reason, received_ms, *candidates):
    at = Judgement(Method.DEVICE_CORRECTED if candidates else Method.HELD, candidates, reason)
    return Measured(next(numbers).to_bytes(16), 1, None, False, at, received_ms)


def summary(calendar):
    return {
        day.date: dict(day.excluded) or day.readings
        for day in calendar.days
        if day.excluded or day.readings
    }


def test_a_day_is_the_patients_own_on_either_side_of_daylight_saving():
    # 2026-03-08 has 23 hours in New York, 2026-11-01 has 25.
    last_of_7th = measured(utc(2026, 3, 8, 4, 59, 50))
    first_of_8th = measured(utc(2026, 3, 8, 5, 0, 0))
    last_of_8th = measured(utc(2026, 3, 9, 3, 59, 50))
    first_of_9th = measured(utc(2026, 3, 9, 4, 0, 0))
    last_of_1st = measured(utc(2026, 11, 2, 4, 59, 50))
    first_of_2nd = measured(utc(2026, 11, 2, 5, 0, 0))
    all_of_them = [last_of_7th, first_of_8th, last_of_8th, first_of_9th, last_of_1st, first_of_2nd]
    assert summary(make_calendar(PATIENT, HOME, [MINE], all_of_them)) == {
        date(2026, 3, 7): 1,
        date(2026, 3, 8): 2,
        date(2026, 3, 9): 1,
        date(2026, 11, 1): 1,
        date(2026, 11, 2): 1,
    }


def test_what_may_lie_on_two_days_counts_on_neither_and_is_listed():
    midnight = utc(2026, 3, 9, 4)
    over_midnight = measured(midnight - 5_000, midnight)
    either = held(
        "", midnight, Interval(midnight - HOUR, midnight - HOUR), Interval(midnight, midnight)
    )
    unknown = held("device-clock-unknown", midnight + HOUR)
    calendar = make_calendar(PATIENT, HOME, [MINE], [over_midnight, either, unknown])
    assert summary(calendar) == {
        date(2026, 3, 8): {"STRADDLES_MIDNIGHT": 1, "CLOCK_FAULT": 1},
        date(2026, 3, 9): {"CLOCK_FAULT": 1},
    }
    assert [(one.reading, one.detail) for one in calendar.held] == [
        (over_midnight.reading, "interval-over-midnight"),
        (either.reading, "several-offsets"),
        (unknown.reading, "device-clock-unknown"),
    ]
    assert calendar.qualifying_days == 0


def test_each_exclusion_has_the_name_of_the_billing_rules():
    noon = utc(2026, 3, 2, 17)
    gone = MINE._replace(to_date=date(2026, 3, 4))
    calendar = make_calendar(
        PATIENT,
        HOME,
        [gone],
        [
            measured(noon - 5 * DAY),
            measured(noon, failed=True),
            measured(noon + DAY, received_ms=noon),
            measured(noon + 2 * DAY),
        ],
    )
    assert summary(calendar) == {
        date(2026, 2, 25): {"BEFORE_START": 1},
        date(2026, 3, 2): {"INVALID_READING": 1, "FUTURE_TIMESTAMP": 1},
        date(2026, 3, 4): {"NOT_ASSIGNED": 1},
    }


def test_two_people_with_one_cuff_have_a_calendar_each():
    noon = utc(2026, 3, 2, 17)
    first = MINE._replace(slot=1)
    second = MINE._replace(id=2, slot=2, patient="patient-2")
    readings = [measured(noon, slot=1), measured(noon + DAY, slot=2), measured(noon + 2 * DAY)]
    theirs = make_calendar("patient-2", HOME, [first, second], readings)
    assert summary(theirs) == {date(2026, 3, 3): 1, date(2026, 3, 4): {"NOT_ASSIGNED": 1}}


def test_a_cuff_that_was_handed_on_counts_for_each_patient_in_turn():
    noon = utc(2026, 3, 2, 17)
    first = MINE._replace(to_date=date(2026, 3, 3))
    second = MINE._replace(id=2, patient="patient-2", from_date=date(2026, 3, 3))
    readings = [measured(noon), measured(noon + DAY)]
    calendars = [make_calendar(p, HOME, [first, second], readings) for p in (PATIENT, "patient-2")]
    assert [summary(one) for one in calendars] == [{date(2026, 3, 2): 1}, {date(2026, 3, 3): 1}]


def test_a_move_takes_the_days_into_the_new_zone():
    moved = Zones([*HOME.rows, (date(2026, 3, 10), ZoneInfo("America/Los_Angeles"))])
    readings = [measured(utc(2026, 3, 9, 6)), measured(utc(2026, 3, 12, 6))]
    calendar = make_calendar(PATIENT, moved, [MINE], readings)
    assert summary(calendar) == {date(2026, 3, 9): 1, date(2026, 3, 11): 1}
    assert calendar.zone == "America/Los_Angeles"


def test_a_month_has_all_its_days_and_no_other():
    readings = [measured(utc(2026, 2, 27, 17)), measured(utc(2026, 3, 2, 17))]
    calendar = make_calendar(PATIENT, HOME, [MINE], readings, date(2026, 2, 1))
    assert [day.date.day for day in calendar.days] == list(range(1, 29))
    assert summary(calendar) == {date(2026, 2, 27): {"BEFORE_START": 1}}


def test_the_ledger_gives_what_it_judged(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START)
    noon = utc(2026, 3, 2, 17)
    hub.measure(noon, frame(naive(noon)))
    hub.measure(noon + HOUR, frame(naive(noon + HOUR)))
    hub.clock(noon + DAY, naive(noon + DAY))
    hub.measure(noon + DAY, failed_frame(naive(noon + DAY - MINUTE)))
    office.take_all(hub)
    calendar = office.calendar(month=date(2026, 3, 1))
    assert summary(calendar) == {date(2026, 3, 2): 2, date(2026, 3, 3): {"INVALID_READING": 1}}
    assert calendar.qualifying_days == 1
    assert len(calendar.days) == 31


def test_a_patient_of_nobody_is_one_clear_error(office):
    with pytest.raises(PatientUnknown):
        office.calendar("nobody")
