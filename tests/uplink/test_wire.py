import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.uplink.any_cbor import anything
from uplink.errors import UnknownKind, WireError
from uplink.records import EpochStart
from uplink.statements import (
    CHAIN_START,
    Checkpoint,
    Ending,
    Gone,
    KeyRecord,
    Previous,
    decode_statement,
    encode_statement,
    extend_chain,
)
from uplink.wire import (
    MAX_MESSAGE_BYTES,
    Message,
    Receipt,
    Refusal,
    Run,
    decode_message,
    decode_receipt,
    encode_message,
    encode_receipt,
    key_id,
    topic,
)

KID = bytes(range(16))
OTHER = bytes(16)
LAST = 2**32 - 1
RUN = Run(KID, 7, (b"sealed seven", b"sealed eight"))
KEY_RECORD = KeyRecord(
    "hub-1",
    KID,
    0x647A,
    bytes(8),
    bytes(1168),
    bytes(12),
    EpochStart(bytes(16), 61_000, 1_790_000_000_000, 7, "vitalpost 0.1.0"),
)
SECOND = KeyRecord(
    "a" * 32,
    KID,
    0x0020,
    bytes(8),
    bytes(80),
    bytes(12),
    KEY_RECORD.start,
    Previous(OTHER, 0, False),
)
RECEIPT = Receipt(
    "hub-1",
    1_790_000_000_000,
    {KID: ((1, 1), (3, LAST)), OTHER: ((9, 9),)},
    (Refusal(KID, 2, "conflict"),),
    (OTHER,),
    {KID: ((4, 5),)},
    {KID: LAST, OTHER: 0},
)
CHECKPOINT = Checkpoint(
    "hub-1", KID, 7, Ending.CLOSED, 1_790_000_000_000, extend_chain(CHAIN_START, [b"one"]), OTHER
)
BARE = Checkpoint("hub-1", KID, 0, Ending.RECOVERED, 0)
GONE = Gone("hub-1", 1_790_000_000_000, {KID: ((1, 1), (3, LAST))})
DECODERS = {
    "message": (decode_message, encode_message([b"key record", RUN])),
    "key record": (decode_statement, encode_statement(SECOND)),
    "checkpoint": (decode_statement, encode_statement(CHECKPOINT)),
    "gone": (decode_statement, encode_statement(GONE)),
    "receipt": (decode_receipt, encode_receipt(RECEIPT)),
}

parsers = st.sampled_from(list(DECODERS.values()))
thorough = settings(max_examples=200, deadline=None)


def decodes_or_is_refused(decoder, payload):
    try:
        decoder(payload)
    except WireError:
        return


def test_a_message_is_read_back_as_it_was():
    items = (b"key record", RUN, Run(OTHER, LAST, (b"the last",)))
    assert decode_message(encode_message(items)) == Message(items)


@pytest.mark.parametrize("statement", [KEY_RECORD, SECOND, CHECKPOINT, BARE, GONE])
def test_a_statement_is_read_back_as_it_was(statement):
    assert decode_statement(encode_statement(statement)) == statement


def test_a_statement_of_a_later_version_is_told_from_a_broken_one():
    with pytest.raises(UnknownKind) as raised:
        decode_statement(cbor2.dumps({0: 9, 1: 1, 2: "hub-1"}))
    assert raised.value.kind == 9


@pytest.mark.parametrize(
    ("key", "value"), [(4, -1), (4, LAST + 1), (5, 0), (5, 4), (7, bytes(31)), (8, bytes(15))]
)
def test_a_checkpoint_of_another_shape_is_refused(key, value):
    fields = cbor2.loads(encode_statement(CHECKPOINT))
    with pytest.raises(WireError):
        decode_statement(cbor2.dumps(fields | {key: value}))


def test_a_chain_tells_apart_what_a_hash_over_all_bytes_would_not():
    assert extend_chain(CHAIN_START, [b"ab", b"c"]) != extend_chain(CHAIN_START, [b"a", b"bc"])


@pytest.mark.parametrize("receipt", [RECEIPT, Receipt("hub-1", 0)])
def test_a_receipt_is_read_back_as_it_was(receipt):
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_items_of_a_later_version_are_counted_and_left_unread():
    payload = cbor2.dumps([{1: 2}, b"key record", 5, "text", [KID, 1, [b"sealed"]], None])
    assert decode_message(payload) == Message((b"key record", Run(KID, 1, (b"sealed",))), 4)


def test_keys_of_a_later_version_are_left_unread():
    for decoder, payload in (DECODERS["key record"], DECODERS["receipt"]):
        assert decoder(cbor2.dumps(cbor2.loads(payload) | {99: [1.5]})) == decoder(payload)


def test_a_sealed_record_costs_two_bytes_more_in_a_run_than_its_own():
    run = encode_message([Run(KID, 1, tuple(bytes(100) for _ in range(50)))])
    assert len(run) == 50 * (100 + 2) + 22


def test_a_message_above_64_kib_is_refused_before_it_is_parsed():
    with pytest.raises(WireError, match=r"1048576 bytes, the limit is 65536"):
        decode_message(b"\xff" * 2**20)
    assert decode_message(encode_message([bytes(MAX_MESSAGE_BYTES - 4)])).items
    with pytest.raises(WireError, match="limit"):
        encode_message([bytes(MAX_MESSAGE_BYTES - 3)])


@pytest.mark.parametrize(
    "item",
    [
        [KID, 1],
        [KID, 1, [], 1],
        [KID, 1, []],
        [KID, 1, b"sealed"],
        [KID, 1, ["sealed"]],
        [KID, 0, [b"sealed"]],
        [KID, LAST, [b"sealed", b"sealed"]],
        [KID, True, [b"sealed"]],
        [KID[:15], 1, [b"sealed"]],
        ["kid", 1, [b"sealed"]],
    ],
)
def test_a_run_of_another_shape_is_refused(item):
    with pytest.raises(WireError, match=r"run|kid|first sequence|sealed record"):
        decode_message(cbor2.dumps([item]))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (0, 1),  # a key record is no receipt
        (1, 2),  # a later format
        (2, "Hub 1"),
        (2, "h" * 33),
        (3, -1),
        (4, {KID: [[0, 1]]}),
        (4, {KID: [[2, 1]]}),
        (4, {KID: [[1, 2**32]]}),
        (4, {KID: [[1]]}),
        (4, {KID: [[1.0, 2]]}),
        (4, {KID[:4]: []}),
        (4, {1: []}),
        (5, [[KID, 0, "conflict"]]),
        (5, [[KID, 1, None]]),
        (6, [b""]),
        (6, {}),
        (7, []),
    ],
)
def test_a_receipt_of_another_shape_is_refused(key, value):
    fields = cbor2.loads(encode_receipt(RECEIPT))
    with pytest.raises(WireError):
        decode_receipt(cbor2.dumps(fields | {key: value}))


@pytest.mark.parametrize("missing", range(4))
def test_a_receipt_without_a_hub_a_time_or_a_format_is_refused(missing):
    fields = cbor2.loads(encode_receipt(RECEIPT))
    del fields[missing]
    with pytest.raises(WireError):
        decode_receipt(cbor2.dumps(fields))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (0, 2),
        (3, bytes(17)),
        (4, 2**16),
        (5, bytes(7)),
        (7, bytes(11)),
        (8, bytes(15)),
        (10, 2**60),
        (11, 32),
        (12, 1),
        (13, [OTHER, -1, True]),
        (13, [OTHER, 1, 1]),
        (13, [OTHER, 1]),
    ],
)
def test_a_key_record_of_another_shape_is_refused(key, value):
    fields = cbor2.loads(encode_statement(SECOND))
    with pytest.raises(WireError):
        decode_statement(cbor2.dumps(fields | {key: value}))


def test_what_nobody_could_read_is_not_written():
    with pytest.raises(WireError, match="hub"):
        encode_receipt(Receipt("Hub", 0))
    with pytest.raises(WireError, match="limit"):
        encode_receipt(Receipt("hub-1", 0, {KID: tuple((n, n) for n in range(1, 20_000, 2))}))


@given(parsers, st.binary(max_size=200))
@thorough
def test_random_bytes_are_refused_with_a_wire_error(parser, payload):
    decodes_or_is_refused(parser[0], payload)


@given(parsers, st.data())
@thorough
def test_a_changed_byte_is_read_or_refused_with_a_wire_error(parser, data):
    decoder, payload = parser
    changed = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    decodes_or_is_refused(decoder, bytes(changed[: data.draw(st.integers(1, len(changed)))]))


@given(
    st.sampled_from(["key record", "checkpoint", "gone", "receipt"]), st.integers(0, 14), anything
)
@thorough
def test_another_type_at_any_key_is_read_or_refused_with_a_wire_error(what, key, value):
    decoder, payload = DECODERS[what]
    decodes_or_is_refused(decoder, cbor2.dumps(cbor2.loads(payload) | {key: value}))


@given(st.lists(anything | st.tuples(anything, anything, anything), max_size=4))
@thorough
def test_any_items_are_read_or_refused_with_a_wire_error(items):
    decodes_or_is_refused(decode_message, cbor2.dumps(items))


def test_a_topic_names_format_hub_and_leaf():
    assert topic("vitalpost", "hub-1", "records") == "vitalpost/v1/hub-1/records"
    for hub in ("", "+", "hub/1", "HUB", "hub\n", "h" * 33):
        with pytest.raises(WireError):
            topic("vitalpost", hub, "records")


def test_a_key_is_named_by_the_start_of_its_sha_256():
    assert key_id(b"").hex() == "e3b0c44298fc1c14"
