from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink.offers import Offers, Pace, Span, shorten_keepalive
from uplink.wire import Run

KID = b"k" * 16
sequences = st.integers(1, 40)
ranges = st.lists(st.tuples(sequences, sequences).map(sorted).map(tuple))


def run(first, last):
    return Run(KID, first, (b"sealed",) * (last - first + 1))


@given(sequences, sequences, ranges)
def test_a_span_without_ranges_is_what_a_set_says(one, other, taken):
    first, last = sorted((one, other))
    left = set(range(first, last + 1)).difference(*(range(a, b + 1) for a, b in taken))
    parts = list(Span(KID, first, last).without(taken))
    assert [s for part in parts for s in range(part.first, part.last + 1)] == sorted(left)


def test_a_window_is_full_until_every_record_of_a_message_is_receipted():
    offers = Offers(Pace(window=2))
    for first in (1, 11):
        assert offers.has_room
        offers.add([run(first, first + 9)], first + 9)
        offers.sent(0)
    assert not offers.has_room
    offers.settle({KID: [(2, 10)]}, 1)
    assert not offers.has_room
    offers.settle({KID: [(1, 1)], b"other".ljust(16): [(11, 20)]}, 2)
    assert offers.has_room
    offers.settle({KID: [(11, 20)]}, 3)
    assert not offers
    assert offers.again_at == inf


def test_while_nothing_is_answered_only_the_oldest_goes_again_later_and_later():
    offers = Offers(Pace(first_retry_s=30, longest_retry_s=3600))
    offers.add([run(1, 10)], 10)
    offers.sent(0)
    waits = []
    for _ in range(10):
        now = offers.again_at
        assert offers.expire(now)
        offers.sent(now)
        waits.append(offers.again_at - now)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert offers.cursor == 10


def test_a_new_connection_to_a_silent_office_carries_one_message_until_it_answers():
    offers = Offers(Pace())
    offers.add([run(1, 10)], 10)
    offers.sent(0)
    offers.start_over()
    assert (offers.cursor, offers.has_room) == (0, True)
    offers.add([run(1, 10)], 10)
    offers.sent(1)
    assert not offers.has_room
    offers.settle({KID: [(1, 5)]}, 2)
    assert offers.has_room


def test_what_stays_open_while_receipts_come_goes_again_as_a_whole():
    offers = Offers(Pace(first_retry_s=30))
    offers.add([run(1, 10)], 10)
    offers.add([run(11, 20)], 20)
    offers.sent(0)
    offers.settle({KID: [(11, 20)]}, 5)
    assert offers.again_at == 35
    assert not offers.expire(35)
    assert (bool(offers), offers.cursor, offers.again_at) == (False, 0, inf)


def test_the_first_receipt_after_a_silence_sends_all_that_is_open_again():
    offers = Offers(Pace(first_retry_s=30))
    offers.add([run(1, 10)], 10)
    offers.add([run(11, 20)], 20)
    offers.sent(0)
    assert offers.expire(30)
    offers.sent(30)
    offers.settle({KID: [(1, 10)]}, 31)
    assert (bool(offers), offers.cursor, offers.has_room) == (False, 0, True)


@pytest.mark.parametrize(
    ("keepalive_s", "quiet_s", "then_s"),
    [(1200, 1199, 1200), (1200, 1220, 600), (100, 120, 60), (60, 80, 60), (30, 50, 30)],
)
def test_the_keepalive_is_halved_when_a_ping_stays_unanswered(keepalive_s, quiet_s, then_s):
    assert shorten_keepalive(keepalive_s, quiet_s) == then_s
