from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Moment
from gateway.first_contact import MARGIN, ClockSeen, Since, predates

ENROLLED = datetime(2026, 6, 10, 9)  # noqa: DTZ001  a device states no zone
NOW = ENROLLED + timedelta(days=2)
RIGHT = ClockSeen(NOW, NOW)
times = st.datetimes()


def test_a_former_patients_history_is_left_out():
    assert predates(ENROLLED - timedelta(days=40), ENROLLED, RIGHT)
    assert predates(ENROLLED - timedelta(days=40), ENROLLED, None)


@pytest.mark.parametrize("age", [timedelta(0), MARGIN, timedelta(days=-1)])
def test_what_is_not_more_than_a_day_older_is_recorded(age):
    assert not predates(ENROLLED - age, ENROLLED, RIGHT)
    assert not predates(ENROLLED - age, ENROLLED, None)


def test_what_a_wrong_clock_has_put_into_the_past_is_recorded():
    slow = ClockSeen(NOW - timedelta(days=3000), NOW)
    assert not predates(NOW - timedelta(days=3000, hours=1), ENROLLED, slow)


def test_what_a_clock_that_is_ahead_has_put_near_is_recorded_too():
    fast = ClockSeen(NOW + timedelta(days=100), NOW)
    assert not predates(ENROLLED + timedelta(days=60), ENROLLED, fast)


@pytest.mark.parametrize("clock", [ClockSeen(None, NOW), ClockSeen(NOW, None)])
def test_what_is_in_doubt_is_recorded(clock):
    assert not predates(ENROLLED - timedelta(days=40), ENROLLED, clock)
    assert not predates(None, ENROLLED, RIGHT)
    assert not predates(ENROLLED - timedelta(days=40), None, RIGHT)


@given(times, times, st.none() | st.builds(ClockSeen, st.none() | times, st.none() | times))
def test_only_what_every_reckoning_puts_before_enrolment_is_left_out(measured, enrolled, clock):
    is_left_out = predates(measured, enrolled, clock)
    reckonings = [enrolled - measured]
    if clock:
        if clock.device_time is None or clock.site_time is None:
            assert not is_left_out
            return
        reckonings.append(enrolled - measured - (clock.site_time - clock.device_time))
    assert is_left_out == all(age > MARGIN for age in reckonings)


@pytest.mark.parametrize(
    ("since", "now", "local", "enrolled"),
    [
        (Since(Moment(0, 500, 0), True), Moment(7_200_000, 9, 3), NOW, NOW - timedelta(hours=2)),
        (Since(Moment(9, 0, 3), False), Moment(1, 7_200_000, 3), NOW, NOW - timedelta(hours=2)),
        (Since(Moment(9, 0, 0), False), Moment(1, 7_200_000, 3), NOW, None),
        (Since(Moment(0, 500, 0), True), Moment(7_200_000, 9, 0), None, None),
    ],
)
def test_the_moment_of_enrolment_is_told_as_far_as_anybody_knows_it(since, now, local, enrolled):
    assert since.site_time(now, local) == enrolled
