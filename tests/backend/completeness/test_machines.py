import pytest

from tests.backend.office import DAY, HOUR, MINUTE, START
from uplink.statements import Ending, Previous


@pytest.fixture
def hub(office):
    return office.enroll().begin(START)


def twin(hub, boot=b"2" * 16):
    """Another machine with this hub's keys."""
    other = type(hub)(hub.name, boot=boot)
    other.signer = hub.signer
    return other


def test_a_card_restored_after_the_old_machine_is_gone_is_a_fork_and_no_more(office, hub):
    hub.anchors(3)
    image = Previous(hub.epoch.kid, 3, closed_cleanly=False)
    office.take(hub, hub.key_record, hub.run())
    hub.anchors(2, START + HOUR)
    office.take(hub, hub.run(4), hub.close())
    first = hub.epoch.kid
    hub.begin_next(START + DAY).anchors(1, START + DAY)
    office.take(hub, hub.key_record, hub.run())
    other = twin(hub).begin(START + 7 * DAY, image).anchors(1, START + 7 * DAY)
    assert office.take(other, other.key_record, other.run()).receipt.stored
    found = office.completeness(hub)
    assert found.forks == [(first, [hub.epoch.kid, other.epoch.kid])]
    assert found.overlaps == []
    assert office.incidents() == {"two-machines": 1}


def test_an_old_machine_that_runs_on_beside_a_restored_card_is_two_machines(office, hub):
    hub.anchors(3)
    image = Previous(hub.epoch.kid, 3, closed_cleanly=False)
    office.take(hub, hub.key_record, hub.run())
    other = twin(hub).begin(START + HOUR, image)
    office.take(other, hub.checkpoint(Ending.RECOVERED))
    other.anchors(2, START + HOUR)
    office.take(other, other.key_record, other.run())
    assert not office.incidents()
    hub.anchor(START + 2 * HOUR)
    other.anchor(START + 3 * HOUR)
    office.take(other, other.run(3))
    assert office.take(hub, hub.run(4)).receipt.stored
    assert office.completeness(hub).overlaps == [(hub.epoch.kid, other.epoch.kid)]
    assert office.completeness(hub).epochs[0].goes_on
    assert office.incidents() == {"two-machines": 2}
    hub.anchor(START + 4 * HOUR)
    office.take(hub, hub.run(5))
    assert office.incidents() == {"two-machines": 2}


def test_one_machine_that_starts_again_and_again_is_one(office, hub):
    at = START
    for number in range(5):
        hub.anchors(2, at + HOUR)
        office.take(hub, hub.key_record, hub.run(), hub.close())
        hub.boot = bytes([number]) * 16
        at += 2 * HOUR
        hub.begin_next(at - MINUTE)
    assert not office.incidents()
    assert not office.completeness(hub).overlaps


def test_late_records_of_an_earlier_boot_are_no_second_machine(office, hub):
    hub.anchors(3, START + HOUR)
    late = hub.run(2)
    office.take(hub, hub.key_record, hub.run(1, 1))
    hub.boot = b"2" * 16
    hub.begin_next(START + 2 * HOUR, clean=False).anchors(1, START + 2 * HOUR)
    office.take(hub, hub.key_record, hub.run())
    office.take(hub, late)
    assert not office.incidents()


def test_a_clock_that_was_never_synchronised_says_nothing_of_machines(office, hub):
    hub.quality = 0
    hub.begin(START).anchors(1, START + DAY)
    office.take(hub, hub.key_record, hub.run())
    other = twin(hub)
    other.quality = 0
    other.begin(START).anchors(1, START + DAY)
    office.take(other, other.key_record, other.run())
    assert not office.completeness(hub).overlaps
