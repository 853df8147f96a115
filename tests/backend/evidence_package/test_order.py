from types import SimpleNamespace

from backend.evidence_package.excerpt import Taken, _as_came

BOOK = SimpleNamespace(id=8)
LATER = SimpleNamespace(id=22)


def taken(epoch, sequence, received_ms, reading=None, nth=0):
    return Taken(epoch, sequence, received_ms, reading, nth, b"", None)


def order(*records):
    return [(one.epoch.id, one.sequence) for one in _as_came(records)]


def test_a_sighting_that_waited_for_its_device_lies_where_it_was_received():
    beside = taken(BOOK, 21, 5, reading=2, nth=1)
    before = taken(BOOK, 3, 1, reading=2)
    waited = (taken(BOOK, 20, 5, reading=1, nth=2), taken(LATER, 13, 9, reading=1, nth=1))
    anew = (taken(BOOK, 20, 5, reading=1, nth=0), taken(LATER, 13, 9, reading=1, nth=1))
    assert order(before, beside, *waited) == order(before, beside, *anew)
    assert order(before, beside, *waited) == [(8, 3), (8, 20), (8, 21), (22, 13)]


def test_sightings_of_one_message_keep_the_order_in_which_they_were_judged():
    first, second = taken(LATER, 4, 5, reading=1, nth=0), taken(BOOK, 7, 5, reading=1, nth=1)
    assert order(second, first) == [(22, 4), (8, 7)]
