import pytest
from sqlalchemy import select

from backend import tables
from backend.enrolment.membership import RETIRED, REVOKED, End, end_hub, load_member
from backend.errors import HubUnknown
from tests.backend.office import CUFF, DAY, HOUR, MINUTE, START, frame, naive
from uplink.keys import Signer
from uplink.wire import Refusal

NOON = START + 17 * HOUR


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(NOON)
    hub.describe(NOON)
    return hub


def end(office, what, from_ms, name="hub-1"):
    with office.ledger.writing() as connection:
        end_hub(connection, name, End(what, from_ms, "replaced"), office.now_ms)


def add_key(office, hub, signer):
    row = {"hub": hub.name, "sign_key": signer.public(), "added_ms": office.now_ms}
    with office.ledger.writing() as connection:
        connection.execute(tables.hub_key.insert().values(row))


def measure(hub, at_ms):
    return hub.measure(at_ms, frame(naive(at_ms)))


def test_what_was_sealed_under_the_old_key_still_comes_after_the_new_one_is_entered(office, hub):
    measure(hub, NOON)
    waiting = (hub.key_record, hub.run())
    add_key(office, hub, following := Signer.generate())
    hub.signer = following
    hub.begin_next(NOON + DAY)
    hub.describe(NOON + DAY)
    measure(hub, NOON + DAY)
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 2)]}
    assert list(office.take(hub, *waiting).receipt.stored.values()) == [[(1, 2)]]
    assert office.calendar().qualifying_days == 2
    assert not office.incidents()
    assert office.verify().problems == []


def test_a_key_that_was_never_entered_signs_nothing(office, hub):
    hub.signer = Signer.generate()
    hub.begin(NOON)
    measure(hub, NOON)
    assert office.take_all(hub).receipt.unknown == [hub.epoch.kid]
    assert office.incidents() == {"statement-refused": 1}


def test_a_retired_hub_delivers_what_it_sealed_before_and_is_refused_what_came_later(office, hub):
    measure(hub, NOON + MINUTE)
    measure(hub, NOON + DAY)
    hub.anchor(NOON + DAY, "daily")
    end(office, RETIRED, NOON + HOUR)
    receipt = office.take_all(hub).receipt
    kid = hub.epoch.kid
    assert receipt.stored == {kid: [(1, 2)]}
    assert receipt.refused == [Refusal(kid, 3, "retired"), Refusal(kid, 4, "retired")]
    assert office.incidents() == {"record-retired": 2}
    assert office.calendar().qualifying_days == 1


def test_the_instant_of_retirement_counts_within_what_the_clock_is_sure_of(office, hub):
    end(office, RETIRED, NOON)
    hub.quality = 12  # an error below 4.096 s
    measure(hub, NOON + 4_000)
    measure(hub, NOON + 4_200)
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 2)]}


def test_what_was_receipted_before_the_retirement_is_receipted_ever_after(office, hub):
    measure(hub, NOON + DAY)
    before = office.take_all(hub).receipt
    end(office, RETIRED, NOON)
    assert office.take_all(hub).receipt == before


def test_a_retired_hub_that_knows_no_time_is_believed_and_counted(office, hub):
    end(office, RETIRED, NOON)
    hub.quality = 0
    hub.begin_next(NOON + DAY)
    hub.describe(NOON + DAY)
    measure(hub, NOON + DAY)
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 2)]}
    assert office.incidents() == {"retired-hub-unsure": 2}


def test_nothing_more_is_taken_of_a_revoked_hub_and_nothing_is_said_to_it(office, hub):
    measure(hub, NOON)
    end(office, REVOKED, office.now_ms)
    before = office.dump()
    reply = office.take_all(hub)
    assert (reply.receipt, reply.signed, reply.answer) == (None, None, None)
    assert office.dump() == before
    assert office.incidents() == {"revoked-hub": 1}


def test_that_a_hub_ended_is_a_fact_that_is_added_and_never_taken_back(office, hub):
    for day in range(2):
        end(office, RETIRED, NOON + day * DAY)
        end(office, REVOKED, NOON + day * DAY)
    with office.ledger.reading() as connection:
        member = load_member(connection, "hub-1")
        facts = connection.execute(select(tables.hub_end.c.what, tables.hub_end.c.from_ms)).all()
    assert (member.retired_ms, member.revoked_ms) == (NOON + DAY, NOON)
    assert facts == [("retired", NOON), ("revoked", NOON), ("retired", NOON + DAY)]
    with pytest.raises(HubUnknown, match="hub-9"):
        end(office, REVOKED, NOON, "hub-9")


def test_a_hub_and_the_one_that_replaces_it_both_deliver_and_each_reading_counts_once(office, hub):
    mornings = [NOON + day * DAY for day in range(4)]
    for morning in mornings[:3]:
        measure(hub, morning)
    end(office, RETIRED, mornings[2])
    following = office.enroll("hub-2", boot=bytes(15) + b"\2").begin(mornings[2] - MINUTE)
    following.describe(mornings[2] - MINUTE, CUFF)
    for morning in mornings[1:]:
        received = max(morning, mornings[2])
        following.measure(received, frame(naive(morning)), live=received == morning)
    new = office.take_all(following)
    old = office.take_all(hub)
    assert [len(reply.receipt.refused) for reply in (new, old)] == [0, 0]
    assert office.count(tables.reading) == 4
    assert office.count(tables.sighting) == 6
    assert office.calendar().qualifying_days == 4
    assert office.verify().problems == []
