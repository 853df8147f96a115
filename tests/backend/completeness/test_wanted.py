import pytest

from backend import tables
from backend.completeness import wanted
from tests.backend.office import MINUTE, START
from uplink.statements import Ending, Previous


@pytest.fixture
def hub(office):
    return office.enroll().begin(START)


def test_what_lacks_below_what_came_is_asked_for(office, hub):
    hub.anchors(9)
    receipt = office.take(hub, hub.key_record, hub.run(1, 2), hub.run(5, 6), hub.run(9, 9)).receipt
    assert receipt.wanted == {hub.epoch.kid: [(3, 4), (7, 8)]}
    assert not receipt.unknown
    assert not office.take(hub, hub.run(3, 8)).receipt.wanted
    assert not office.gaps(hub)


def test_an_epoch_that_never_came_is_asked_for_with_its_key_record(office, hub):
    hub.anchors(4)
    first = hub.epoch.kid
    lost = [hub.key_record, hub.run()]
    hub.begin_next(START).anchors(1)
    receipt = office.take(hub, hub.key_record, hub.run()).receipt
    assert receipt.wanted == {first: [(1, 4)]}
    assert receipt.unknown == [first]
    office.take(hub, *lost)
    assert office.states(hub)[first] == "complete"


def test_a_range_is_asked_for_again_only_after_a_while_however_often_the_backend_starts(
    office, hub
):
    hub.anchors(5)
    asked = office.take(hub, hub.key_record, hub.run(1, 2), hub.run(5)).receipt.wanted
    office.intake = office.make_intake()
    office.now_ms += wanted.AGAIN_MS - 1
    assert not office.take(hub, hub.run(5)).receipt.wanted
    office.take(hub, hub.run(3, 3))
    office.now_ms += 1
    assert office.take(hub, hub.run(5)).receipt.wanted == {hub.epoch.kid: [(4, 4)]}
    assert asked == {hub.epoch.kid: [(3, 4)]}


def test_what_a_checkpoint_runs_ahead_of_is_given_time_to_come(office, hub):
    hub.anchors(5)
    assert not office.take(hub, hub.key_record, hub.close(), hub.run(1, 2)).receipt.wanted
    office.now_ms += MINUTE
    assert office.take(hub, hub.run(1, 2)).receipt.wanted == {hub.epoch.kid: [(3, 5)]}


def test_what_is_gone_is_named_and_never_asked_for_again(office, hub):
    hub.anchors(9)
    kid = hub.epoch.kid
    office.take(hub, hub.key_record, hub.run(1, 2), hub.run(9))
    signed = hub.gone({kid: [(3, 4), (6, 6), (9, 12)], bytes(16): [(1, 1)]})
    office.take(hub, signed)
    assert office.gaps(hub) == [
        (kid, 3, 4, "gone"),
        (kid, 5, 5, "wanted"),
        (kid, 6, 6, "gone"),
        (kid, 7, 8, "wanted"),
    ]
    office.now_ms += wanted.AGAIN_MS
    assert office.take(hub, signed).receipt.wanted == {kid: [(5, 5), (7, 8)]}
    assert office.count(tables.gone) == 4
    assert office.count(tables.gone_statement) == 1
    office.take(hub, hub.run(6, 8))
    assert office.gaps(hub) == [(kid, 3, 4, "gone"), (kid, 5, 5, "wanted")]


def test_what_is_gone_is_known_even_before_it_lacks(office, hub):
    hub.anchors(9)
    office.take(hub, hub.key_record, hub.gone({hub.epoch.kid: [(2, 3), (3, 5)]}))
    assert office.take(hub, hub.run(1, 1), hub.run(7)).receipt.wanted == {hub.epoch.kid: [(6, 6)]}
    assert office.gaps(hub) == [(hub.epoch.kid, 2, 5, "gone"), (hub.epoch.kid, 6, 6, "wanted")]


def test_what_was_refused_is_named_and_not_asked_for(office, hub):
    hub.anchors(4)
    hub.sealed[1] = hub.sealed[1][::-1]
    assert not office.take(hub, hub.key_record, hub.run()).receipt.wanted
    assert office.gaps(hub) == [(hub.epoch.kid, 2, 2, "refused")]


def test_a_receipt_asks_for_a_bounded_number_of_ranges_oldest_first(office, hub):
    count = wanted.RANGES + 10
    hub.anchors(2 * count + 1)
    runs = [hub.run(n, n) for n in range(1, 2 * count + 2, 2)]
    first = office.take(hub, hub.key_record, *runs).receipt.wanted[hub.epoch.kid]
    assert first == [(n, n) for n in range(2, 2 * wanted.RANGES + 1, 2)]
    rest = office.take(hub, hub.run(1, 1)).receipt.wanted[hub.epoch.kid]
    assert rest == [(n, n) for n in range(2 * wanted.RANGES + 2, 2 * count + 1, 2)]
    assert not office.take(hub, hub.run(1, 1)).receipt.wanted


def test_another_hub_is_not_asked(office, hub):
    hub.anchors(3)
    other = office.enroll("hub-2").begin(START)
    other.anchors(1)
    office.take(hub, hub.key_record, hub.run(1, 1), hub.run(3))
    office.now_ms += wanted.AGAIN_MS
    assert not office.take(other, other.key_record, other.run()).receipt.wanted


def test_an_epoch_of_any_length_may_lack(office, hub):
    hub.begin(START, Previous(bytes(16), 2**32 - 1, closed_cleanly=False)).anchors(1)
    assert office.take(hub, hub.key_record, hub.run()).receipt.wanted == {
        bytes(16): [(1, 2**32 - 1)]
    }
    assert office.state(hub) == "gap"
    office.take(hub, hub.gone({bytes(16): [(1, 2**32 - 1)]}))
    assert office.gaps(hub) == [(bytes(16), 1, 2**32 - 1, "gone")]


def test_a_hub_that_was_killed_is_complete_again_once_it_has_recovered(office, hub):
    hub.anchors(4)
    office.take(hub, hub.key_record, hub.run(1, 2))
    recovered = hub.checkpoint(Ending.RECOVERED)
    rest = hub.run(3)
    killed = hub.epoch.kid
    hub.begin_next(START, clean=False).anchors(1)
    office.take(hub, rest, recovered)
    office.take(hub, hub.key_record, hub.run())
    assert office.states(hub) == {killed: "complete", hub.epoch.kid: "running"}
