from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.billing.intervals import Interval, clip, subtract, total, unite

NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)
MINUTES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda p: p[0] <= p[1]))


def at(minutes):
    return [Interval(NOON + timedelta(minutes=a), NOON + timedelta(minutes=b)) for a, b in minutes]


def held(minutes):
    return {minute for a, b in minutes for minute in range(a, b)}


def minutes_of(intervals):
    return {
        int((start - NOON).total_seconds()) // 60 + n
        for start, end in intervals
        for n in range(int((end - start).total_seconds()) // 60)
    }


@given(MINUTES, MINUTES)
def test_they_are_sets_of_minutes(some, others):
    assert total(at(some)) == timedelta(minutes=len(held(some)))
    assert minutes_of(unite(at(some))) == held(some)
    assert minutes_of(subtract(at(some), at(others))) == held(some) - held(others)


@given(MINUTES)
def test_what_is_cut_lies_within(some):
    cut = clip(at(some), Interval(NOON + timedelta(minutes=5), NOON + timedelta(minutes=9)))
    assert minutes_of(cut) == held(some) & set(range(5, 9))


def test_the_third_of_a_chain_meets_the_second():
    assert total(at([(0, 10), (20, 30), (25, 40)])) == timedelta(minutes=30)
    assert total(at([(0, 1), (10, 30), (12, 14)])) == timedelta(minutes=21)


def test_what_has_no_length_is_nothing():
    assert unite(at([(5, 5)])) == []
