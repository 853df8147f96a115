import pytest
from sqlalchemy import select

from backend import tables
from tests.backend.office import DAY, HOUR, START
from uplink.seal import _sign1
from uplink.statements import Ending, Previous


@pytest.fixture
def hub(office):
    return office.enroll().begin(START)


def test_a_checkpoint_is_kept_as_it_came_once_and_acknowledged(office, hub):
    hub.anchors(3)
    signed = hub.checkpoint()
    assert office.take(hub, hub.key_record, hub.run(), signed).receipt.checked == {hub.epoch.kid: 3}
    office.now_ms += HOUR
    assert office.take(hub, signed).receipt.checked == {hub.epoch.kid: 3}
    with office.ledger.reading() as connection:
        (row,) = connection.execute(select(tables.checkpoint)).all()
    assert (row.kid, row.last, row.signed) == (hub.epoch.kid, 3, signed)
    assert row.received_ms == office.now_ms - HOUR
    assert not office.incidents()


def test_a_closed_epoch_whose_chain_agrees_is_complete(office, hub):
    hub.anchors(5)
    office.take(hub, hub.key_record, hub.run())
    assert office.state(hub) == "tail-unknown"
    office.take(hub, hub.close())
    assert office.state(hub) == "complete"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("last", [2, 4])
def test_a_chain_that_is_not_that_of_the_records_is_an_incident(office, hub, before, last):
    hub.anchors(4)
    wrong = hub.checkpoint(Ending.CLOSED, last, chain=bytes([9] * 32))
    rows = [hub.key_record, hub.run()]
    for item in [[wrong], rows] if before else [rows, [wrong]]:
        office.take(hub, *item)
    assert office.incidents()["checkpoint-conflict"] >= 1
    assert office.count(tables.checkpoint) == 1
    assert office.state(hub) == "conflict"
    office.take(hub, hub.close())
    assert office.state(hub) == "conflict"


def test_two_chains_of_one_sequence_contradict_each_other_before_any_record_came(office, hub):
    hub.anchors(4)
    office.take(hub, hub.key_record, hub.close())
    office.take(hub, hub.checkpoint(Ending.CLOSED, chain=bytes([9] * 32)))
    assert office.incidents() == {"checkpoint-conflict": 1}
    assert office.count(tables.checkpoint) == 2
    office.take(hub, hub.run())
    assert office.state(hub) == "conflict"


def test_an_end_below_what_is_stored_is_an_incident_and_vouches_for_nothing(office, hub):
    hub.anchors(4)
    office.take(hub, hub.key_record, hub.run())
    office.take(hub, hub.checkpoint(Ending.RECOVERED, 2))
    assert office.incidents() == {"checkpoint-conflict": 1, "two-machines": 1}
    assert office.states(hub) == {hub.epoch.kid: "running"}


def test_a_checkpoint_beyond_an_end_is_an_incident(office, hub):
    hub.anchors(4)
    office.take(hub, hub.key_record, hub.run(1, 3), hub.checkpoint(Ending.CLOSED, 3))
    office.take(hub, hub.checkpoint(Ending.OPEN, 4))
    assert office.incidents() == {"checkpoint-conflict": 1}
    assert office.gaps(hub) == [(hub.epoch.kid, 4, 4, "wanted")]


def test_checkpoints_of_every_hour_are_compared_when_what_they_speak_of_has_come(office, hub):
    hub.anchors(9)
    words = [hub.checkpoint(last=last) for last in (3, 6, 9)]
    office.take(hub, hub.key_record, words[1], hub.run(1, 4))
    office.take(hub, hub.run(5, 9), words[0], words[2], hub.close())
    assert office.state(hub) == "complete"
    assert not office.incidents()
    hub.anchors(1)
    office.take(hub, hub.run(10), hub.checkpoint(last=2, chain=bytes(32)))
    assert office.incidents() == {"checkpoint-conflict": 1, "two-machines": 1}


def test_a_hub_that_cannot_vouch_for_every_row_gives_no_chain(office, hub):
    hub.anchors(4)
    unchained = hub.checkpoint(Ending.RECOVERED, chained=False)
    office.take(hub, hub.key_record, hub.run(), unchained)
    assert office.state(hub) == "complete"


def test_a_checkpoint_of_an_epoch_without_key_record_waits_for_it(office, hub):
    hub.anchors(4)
    assert office.take(hub, hub.close()).receipt.checked == {hub.epoch.kid: 4}
    assert office.gaps(hub) == [(hub.epoch.kid, 1, 4, "wanted")]
    office.take(hub, hub.run())
    office.take(hub, hub.key_record)
    assert office.state(hub) == "complete"


def test_statements_of_another_hub_and_of_nobody_are_counted(office, hub):
    hub.anchors(1)
    other = office.enroll("hub-2").begin(START)
    other.signer = hub.signer
    forged = bytearray(hub.close())
    forged[-1] ^= 1
    office.take(hub, other.close(), bytes(forged), b"nothing")
    assert office.incidents() == {"statement-of-another-hub": 1, "statement-refused": 2}
    assert office.count(tables.checkpoint) == 0


def test_a_statement_of_a_later_version_is_counted_and_left_unread(office, hub):
    later = _sign1(bytes.fromhex("a200186301 01".replace(" ", "")), hub.signer)
    assert office.take(hub, later).receipt is None
    assert office.incidents() == {"unknown-items": 1}


def test_a_life_of_closed_epochs_is_complete_until_a_missing_one_is_named(office, hub):
    for hour in range(1, 4):
        hub.anchors(3, START + hour * HOUR)
        office.take(hub, hub.key_record, hub.run(), hub.close())
        hub.begin_next(START + hour * HOUR)
    assert office.state(hub) == "complete"
    hub.begin(START + DAY, Previous(bytes(16), 4, closed_cleanly=True))
    office.take(hub, hub.key_record)
    assert office.gaps(hub) == [(bytes(16), 1, 4, "wanted")]
