from dataclasses import replace
from datetime import date

import pytest

from backend import tables
from backend.dating.judge import Method
from backend.errors import LedgerUnusable
from backend.intake import parking
from tests.backend.office import (
    DAY,
    HOUR,
    KEY,
    PREFIX,
    RECEIPT_KEY,
    SECOND,
    START,
    SealingHub,
    failed_frame,
    frame,
    naive,
    utc,
)
from uplink.keys import X25519, OpeningKey, Signer
from uplink.records import EpochStart
from uplink.seal import _sign1, open_epoch, verify_key_record, verify_receipt
from uplink.statements import encode_statement
from uplink.wire import Run, encode_message

MORNING = utc(2026, 3, 2, 12)
RECORDS = f"{PREFIX}/v1/hub-1/records"


@pytest.fixture
def hub(office):
    office.assign()
    return office.enroll().begin(START)


def test_a_reading_is_stored_once_and_receipted_each_time(office, hub):
    hub.describe(MORNING)
    hub.measure(MORNING, frame(naive(MORNING)))
    first = office.take_all(hub)
    office.now_ms += DAY
    before = office.dump()
    again = office.take_all(hub)

    assert office.dump() == before
    assert first.receipt.stored == again.receipt.stored == {hub.epoch.kid: [(1, 2)]}
    receipt = verify_receipt(again.signed, [RECEIPT_KEY.public()])
    assert receipt.hub == "hub-1"
    assert receipt.utc_ms == office.now_ms
    assert not office.incidents()


def test_the_same_timed_frame_sent_again_is_one_reading(office, hub):
    hub.describe(MORNING)
    for day in range(3):
        hub.measure(MORNING + day * DAY, frame(naive(MORNING)), live=day == 0)
    office.take_all(hub)
    assert office.count(tables.reading) == 1
    assert office.count(tables.sighting) == 3


def test_a_clockless_cuff_with_identical_frames_on_17_mornings_gives_17_days(office, hub):
    hub.describe(MORNING)
    for day in range(17):
        hub.measure(MORNING + day * DAY, frame())
    office.take_all(hub)
    assert office.count(tables.reading) == 17
    assert office.calendar().qualifying_days == 17


def test_a_reading_seen_by_two_hubs_is_one(office, hub):
    other = office.enroll("hub-2", boot=b"2" * 16).begin(START)
    for one in (hub, other):
        one.describe(MORNING)
        one.measure(MORNING, frame(naive(MORNING)))
        office.take_all(one)
    assert office.count(tables.reading) == 1
    assert office.count(tables.sighting) == 2


def test_devices_that_send_the_same_frame_have_readings_of_their_own(office, hub):
    hub.describe(MORNING)
    hub.describe(MORNING, bytes(16), number=1)
    for number in (0, 1):
        hub.measure(MORNING, frame(naive(MORNING)), number=number)
    office.take_all(hub)
    assert office.count(tables.reading) == 2


def test_a_failed_measurement_is_kept_and_is_no_reading(office, hub):
    hub.describe(MORNING)
    hub.measure(MORNING, failed_frame(naive(MORNING)))
    office.take_all(hub)
    assert office.calendar().qualifying_days == 0
    assert office.verify().failed_measurements == 1


def test_a_stranger_gets_no_answer(office, hub):
    stranger = SealingHub("hub-9").begin(START)
    stranger.describe(MORNING)
    reply = office.take_all(stranger)
    assert reply.receipt is None
    assert office.incidents() == {"unknown-hub": 1}
    assert office.count(tables.record) == 0


@pytest.mark.parametrize(
    "topic", ["elsewhere/v1/hub-1/records", f"{PREFIX}/v2/hub-1/records", f"{RECORDS}/x"]
)
def test_a_foreign_topic_is_counted(office, hub, topic):
    assert office.take(hub, hub.key_record, topic=topic).receipt is None
    assert office.incidents() == {"foreign-topic": 1}


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x80" + bytes(8), bytes(1_000_000)])
def test_bytes_that_are_no_message_are_counted(office, hub, payload):
    assert office.intake.take(RECORDS, payload).receipt is None
    assert office.incidents() == {"malformed-message": 1}


def test_items_that_are_neither_key_record_nor_run_are_left_out(office, hub):
    hub.describe(MORNING)
    payload = b"\x83\xf6" + _item(hub.key_record) + _item(hub.run())
    assert office.intake.take(RECORDS, payload).receipt.stored == {hub.epoch.kid: [(1, 1)]}
    assert office.incidents() == {"unknown-items": 1}


def _item(item):
    return encode_message([item])[1:]


@pytest.mark.parametrize("forge", ["signature", "signer", "backend", "bytes"])
def test_a_key_record_that_does_not_hold_is_not_taken(office, hub, forge):
    start = EpochStart(bytes(16), 0, START, 5, "")
    signer = Signer.generate() if forge == "signer" else hub.signer
    key = OpeningKey.generate(X25519) if forge == "backend" else KEY
    _, key_record = open_epoch("hub-1", signer, key.public(), start)
    if forge == "signature":
        key_record = key_record[:-1] + bytes([key_record[-1] ^ 1])
    if forge == "bytes":
        key_record = b"key record"
    assert office.take(hub, key_record).receipt is None
    refused = "key-record-refused" if forge == "backend" else "statement-refused"
    assert office.incidents() == {refused: 1}
    assert office.count(tables.epoch) == 0


def test_a_key_record_that_names_another_hub_is_not_taken(office, hub):
    start = EpochStart(bytes(16), 0, START, 5, "")
    _, key_record = open_epoch("hub-2", hub.signer, KEY.public(), start)
    office.take(hub, key_record)
    assert office.incidents() == {"statement-of-another-hub": 1}


def test_a_key_record_with_other_bytes_for_a_known_epoch_changes_nothing(office, hub):
    hub.describe(MORNING)
    office.take_all(hub)
    before = office.dump()
    known = verify_key_record(hub.key_record, hub.signer.public())
    other = _sign1(encode_statement(replace(known, base_iv=bytes(12))), hub.signer)
    assert office.take(hub, other, hub.run()).receipt.stored == {hub.epoch.kid: [(1, 1)]}
    assert office.incidents() == {"key-record-conflict": 1}
    assert office.dump() == before


def test_records_of_an_unknown_epoch_wait_for_its_key_record(office, hub):
    hub.describe(MORNING)
    hub.measure(MORNING, frame(naive(MORNING)))
    reply = office.take(hub, hub.run())
    assert reply.receipt.unknown == [hub.epoch.kid]
    assert not reply.receipt.stored
    assert office.count(tables.parked) == 2
    assert office.count(tables.record) == 0

    reply = office.take(hub, hub.key_record)
    assert reply.receipt.stored == {hub.epoch.kid: [(1, 2)]}
    assert office.count(tables.parked) == 0
    assert office.calendar().qualifying_days == 1


def test_what_is_parked_is_bounded_and_the_rest_only_not_receipted(office, hub):
    kid = bytes(16)
    for first in range(1, parking.RECORDS + 500, 500):
        office.take(hub, Run(kid, first, (b"x",) * 500))
    assert office.count(tables.parked) == parking.RECORDS
    assert office.incidents() == {"parking-full": 1}
    big = Run(bytes([1] * 16), 1, (bytes(60_000),))
    assert office.take(hub, big).receipt.unknown == [big.kid]
    hub.describe(MORNING)
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 1)]}


def test_other_bytes_under_a_known_name_are_refused(office, hub):
    hub.describe(MORNING)
    office.take_all(hub)
    twin = Run(hub.epoch.kid, 1, (b"other bytes, as a cloned hub would seal",))
    reply = office.take(hub, twin)
    assert reply.receipt.refused == [(hub.epoch.kid, 1, "conflict")]
    assert not reply.receipt.stored
    assert office.incidents() == {"record-conflict": 1}


def test_bytes_that_do_not_open_are_refused_and_the_others_stored(office, hub):
    hub.describe(MORNING)
    hub.measure(MORNING, frame(naive(MORNING)))
    hub.measure(MORNING + DAY, frame(naive(MORNING + DAY)))
    hub.sealed[1] = hub.sealed[1][::-1]
    receipt = office.take_all(hub).receipt
    assert receipt.stored == {hub.epoch.kid: [(1, 1), (3, 3)]}
    assert receipt.refused == [(hub.epoch.kid, 2, "unopenable")]
    assert office.incidents() == {"record-unopenable": 1}


def test_what_opens_and_is_no_record_is_kept_and_reported(office, hub):
    hub.seal(b"\x00 no record")
    hub.seal(bytes.fromhex("a2001863 01 00"))  # {0: 99, 1: 0}: of a kind that is not known yet
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 2)]}
    assert office.incidents() == {"record-unreadable": 1, "record-of-later-version": 1}
    assert office.verify().undecodable == 1


def test_a_reading_waits_for_its_device_record(office, hub):
    hub.measure(MORNING, frame(naive(MORNING)))
    hub.clock(MORNING, naive(MORNING))
    hub.describe(MORNING)
    assert office.take(hub, hub.key_record, hub.run(1, 2)).receipt.stored
    assert office.count(tables.reading) == 0
    assert office.verify().problems
    office.take(hub, hub.run(3))
    assert office.count(tables.reading) == 1
    assert office.count(tables.device_clock) == 1
    assert office.count(tables.waiting) == 0
    assert not office.verify().problems


def test_a_device_number_keeps_its_first_identity(office, hub):
    hub.describe(MORNING)
    hub.describe(MORNING)
    hub.describe(MORNING, ("A&D Medical", "UA-651BLE", "another"))
    hub.measure(MORNING, frame(naive(MORNING)))
    office.take(hub, hub.key_record, hub.run(1, 2))
    office.take(hub, hub.run(3))
    assert office.incidents() == {"device-conflict": 1}
    assert office.calendar().qualifying_days == 1


def test_a_late_anchor_judges_the_readings_of_its_boot_again(office, hub):
    hub.quality = 0
    hub.begin(START)
    hub.describe(MORNING)
    hub.measure(MORNING, frame())
    office.take_all(hub)
    (held,) = office.judgements().values()
    assert held.method is Method.HELD
    assert office.calendar().qualifying_days == 0

    hub.quality = 5
    hub.anchor(MORNING + HOUR)
    office.take(hub, hub.run(3))
    (judged,) = office.judgements().values()
    assert judged.method is Method.RECEIVED
    (candidate,) = judged.candidates
    assert candidate.from_ms < MORNING < candidate.to_ms
    assert office.causes() == ["sighting", "anchor"]
    assert [day.date for day in office.calendar().days if day.is_counted] == [date(2026, 3, 2)]


def test_an_anchor_of_another_hub_on_the_same_kernel_tells_nothing(office, hub):
    hub.quality = 0
    hub.begin(START)
    hub.describe(MORNING)
    hub.measure(MORNING, frame())
    office.take_all(hub)
    other = office.enroll("hub-2", boot=hub.boot, booted_ms=hub.booted_ms + HOUR).begin(START)
    other.anchor(MORNING + HOUR)
    office.take_all(other)
    assert {j.method for j in office.judgements().values()} == {Method.HELD}


def test_a_stored_reading_is_corrected_by_what_its_clock_showed(office, hub):
    wrong = 50 * DAY  # how far the cuff's clock is ahead
    hub.describe(MORNING)
    hub.measure(MORNING + 2 * DAY, frame(naive(MORNING + wrong)), live=False)
    hub.clock(MORNING + 2 * DAY + SECOND, naive(MORNING + 2 * DAY + SECOND + wrong))
    office.take(hub, hub.key_record, hub.run(1, 2))
    assert office.calendar().held[0].detail == "device-clock-unknown"
    office.take(hub, hub.run(3))
    assert [day.date for day in office.calendar().days if day.is_counted] == [date(2026, 3, 2)]
    assert office.causes() == ["sighting", "clock"]


def test_on_a_full_disk_nothing_is_receipted_and_nothing_is_half_stored(office, hub):
    hub.describe(MORNING)
    for day in range(60):
        hub.measure(MORNING + day * DAY, frame(naive(MORNING + day * DAY)))
    before = office.dump()
    office.limit_pages(0)
    with pytest.raises(LedgerUnusable, match="full"):
        office.take_all(hub)
    assert office.dump() == before
    office.limit_pages(1_000_000)
    assert office.take_all(hub).receipt.stored == {hub.epoch.kid: [(1, 61)]}


def test_messages_taken_together_are_as_those_taken_one_by_one(office, hub):
    other = office.enroll("hub-2", boot=b"2" * 16).begin(START)
    for one in (hub, other):
        one.describe(MORNING)
        for day in range(4):
            one.measure(MORNING + day * DAY, frame(naive(MORNING + day * DAY)))
    together = [
        (RECORDS, encode_message([hub.key_record, hub.run(1, 2)])),
        ("elsewhere", b""),
        (RECORDS.replace("hub-1", "hub-2"), encode_message([other.key_record, other.run()])),
        (RECORDS, b"\xff"),
        (RECORDS, encode_message([hub.run(4), b"nothing"])),
        (RECORDS.replace("hub-1", "hub-9"), b""),
    ]
    replies = office.intake.take_many(together)
    assert [bool(reply.receipt) for reply in replies] == [False, False, True, False, True, False]
    assert replies[4].receipt.stored == {hub.epoch.kid: [(1, 2), (4, 5)]}
    assert replies[4].receipt.wanted == {hub.epoch.kid: [(3, 3)]}
    assert replies[2].receipt.hub == replies[2].hub == "hub-2"
    incidents = {
        what: number for number, reply in enumerate(replies) for what, _ in reply.incidents
    }
    assert incidents == {
        "foreign-topic": 1,
        "malformed-message": 4,
        "statement-refused": 4,
        "unknown-hub": 5,
    }
    assert office.count(tables.reading) == 4


def test_messages_taken_together_that_no_one_receipt_can_answer_get_several(office, hub):
    hub.anchors(1)
    office.take(hub, hub.key_record, hub.run())
    junk = (RECORDS, encode_message([Run(hub.epoch.kid, 2, (bytes(40),) * 1_000)]))
    replies = office.intake.take_many([junk] * 3)
    assert [bool(reply.receipt) for reply in replies] == [True, True, True]


@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_message_full_of_junk_is_answered_within_the_size_of_a_message(office, hub, size):
    hub.anchors(1)
    office.take(hub, hub.key_record, hub.run())
    count = 60_000 // (size + 1)
    receipt = office.take(hub, Run(hub.epoch.kid, 2, (bytes(size),) * count)).receipt
    assert 0 < len(receipt.refused) <= 500
    assert office.incidents() == {"record-unopenable": count}
    kids = [Run(n.to_bytes(16), 1, (b"",)) for n in range(2_500)]
    reply = office.take(hub, *kids)
    assert len(reply.signed) < 64 * 1024
