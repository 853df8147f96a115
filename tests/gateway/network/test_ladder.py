import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.network.ladder import Ladder, Rung

MINUTE_S = 60
ORDER = [Rung.RECONNECT, Rung.RESTART, Rung.RESET]


def climb(ladder, minutes, start_s=0.0):
    """What is tried in so many minutes of trouble, with the minute of each."""
    tried = [(at, ladder.climb(start_s + at * MINUTE_S)) for at in range(minutes)]
    return [(at, rung) for at, rung in tried if rung]


def test_trouble_is_waited_out_before_anything_is_touched():
    assert climb(Ladder(), 5) == []


def test_rungs_come_in_order_each_with_its_time():
    assert climb(Ladder(), 23) == [(5, Rung.RECONNECT), (8, Rung.RESTART), (13, Rung.RESET)]


def test_after_the_last_rung_help_is_needed_and_all_is_tried_later_and_later():
    ladder = Ladder()
    tried = climb(ladder, 7 * 24 * 60)
    resets = [at for at, rung in tried if rung is Rung.RESET]
    pauses_h = [(later - at) // 60 for at, later in itertools.pairwise(resets)]
    assert pauses_h[:6] == [1, 2, 4, 8, 16, 24]
    assert set(pauses_h[6:]) <= {24}
    assert ladder.is_exhausted


def test_what_heals_goes_back_to_the_foot():
    ladder = Ladder()
    climb(ladder, 10)
    ladder.rest(600)
    assert (ladder.rung, ladder.is_exhausted, ladder.left_s(600)) == (None, False, None)


def test_what_heals_for_a_moment_only_is_waited_for_longer_until_an_hour_of_calm():
    ladder, now_s = Ladder(), 0.0
    waited = []
    for _ in range(6):
        ladder.climb(now_s)
        waited.append((ladder.left_s(now_s) or 0) / MINUTE_S)
        now_s += waited[-1] * MINUTE_S
        assert ladder.climb(now_s) is Rung.RECONNECT
        ladder.rest(now_s)
    assert waited == [5, 10, 20, 40, 60, 60]
    ladder.rest(now_s + 3600)
    assert climb(ladder, 6, now_s + 3600) == [(5, Rung.RECONNECT)]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=400))
def test_no_rung_is_ever_left_out_on_the_way_up(is_ill):
    ladder, last = Ladder(), None
    for at, ill in enumerate(is_ill):
        if not ill:
            ladder.rest(at * MINUTE_S)
            last = None
        elif rung := ladder.climb(at * MINUTE_S):
            expected = ORDER[0] if last in (None, Rung.RESET) else ORDER[ORDER.index(last) + 1]
            assert rung is expected
            last = rung


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1440, max_size=1440))
def test_no_day_has_more_than_a_few_resets(is_ill):
    ladder = Ladder()
    for at, ill in enumerate(is_ill):
        ladder.climb(at * MINUTE_S) if ill else ladder.rest(at * MINUTE_S)
    assert ladder.climbs[Rung.RESET] <= 6
