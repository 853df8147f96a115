"""Bytes of each format that are refused, one by one, and some that must not be."""

import cbor2

from tests.vectors.exchanges import EDDSA, flip, payload_of, signed
from tests.vectors.known import HUBS, RECEIPT_KEY, UTC_MS
from uplink.seal import sign_receipt
from uplink.wire import Receipt

TAG4 = cbor2.CBORTag


def receipts(kid):
    """Receipts that a hub ignores; (name, bytes)."""
    good = payload_of(sign_receipt(Receipt("hub-1", UTC_MS, {kid: ((1, 2),)}), RECEIPT_KEY))
    fields = {
        "a mark that is not a receipt's": {0: 1},
        "a later format": {1: 2},
        "a hub id with a capital": {2: "Hub-1"},
        "an empty hub id": {2: ""},
        "a hub id of 33 characters": {2: "a" * 33},
        "a negative time": {3: -1},
        "a time after the year 9999": {3: 253_402_300_800_000},
        "a time in floating point": {3: float(UTC_MS)},
        "sequence 0": {4: {kid: [[0, 2]]}},
        "a range that ends before it begins": {4: {kid: [[2, 1]]}},
        "a range beyond the last sequence": {4: {kid: [[1, 2**32]]}},
        "a range of three": {4: {kid: [[1, 2, 3]]}},
        "a kid of 15 bytes": {4: {kid[1:]: [[1, 2]]}},
        "a refusal without a reason": {5: [[kid, 1]]},
        "a refusal of sequence 0": {5: [[kid, 0, "conflict"]]},
        "unknown kids as a text": {6: "all"},
        "a checkpoint that is no integer": {8: {kid: "3"}},
    }
    made = [(name, signed(RECEIPT_KEY, good | changed)) for name, changed in fields.items()]
    whole = signed(RECEIPT_KEY, good)
    bare = cbor2.loads(whole).value
    return [
        *made,
        ("no time", signed(RECEIPT_KEY, {key: good[key] for key in (0, 1, 2, 4)})),
        ("a changed signature", flip(whole)),
        ("signed by a stranger", signed(HUBS["stranger"], good)),
        ("cut short", whole[:-1]),
        ("bytes behind it", whole + b"\x00"),
        ("without its tag", cbor2.dumps(bare)),
        ("another tag", cbor2.dumps(cbor2.CBORTag(98, bare))),
        ("another algorithm", cbor2.dumps(cbor2.CBORTag(18, [b"\xa1\x01\x26", *bare[1:]]))),
        ("no key id", cbor2.dumps(cbor2.CBORTag(18, [EDDSA, {}, *bare[2:]]))),
        ("empty", b""),
    ]


def receipts_to_accept(kid):
    """Receipts that a hub takes although we would not have written them so."""
    fields = {0: 2, 1: 1, 2: "hub-1", 3: UTC_MS, 4: {kid: [[1, 2]]}}
    backwards = dict(reversed(fields.items()))
    return [
        ("keys in another order", signed(RECEIPT_KEY, backwards)),
        ("a key of a later version", signed(RECEIPT_KEY, fields | {99: "more"})),
        ("empty parts that could be left out", signed(RECEIPT_KEY, fields | {5: [], 6: [], 7: {}})),
        (
            "ranges that touch and repeat",
            signed(RECEIPT_KEY, fields | {4: {kid: [[1, 2], [2, 3]]}}),
        ),
    ]


def records():
    """Plaintexts of records that are authentic and no records; (name, bytes)."""
    reading = {1: 5, 8: ["mm[Hg]", 18949, 125]}
    fields = {
        "a map with a text for a key": reading | {"1": 5},
        "no time": {8: []},
        "a negative time": reading | {1: -1},
        "a quality of 32": reading | {3: 32},
        "a device index above 16 bits": reading | {4: 65_536},
        "a frame without its source": reading | {5: [b"\x01"]},
        "a source without its frame": reading | {5: [0x2A35]},
        "a device time after the year 9999": reading | {6: 252_455_616_000},
        "a value before any unit": reading | {8: [18949, 125]},
        "a metric without its value": reading | {8: ["mm[Hg]", 18949]},
        "a value in floating point": reading | {8: ["mm[Hg]", 18949, 1.5]},
        "a decimal with a large exponent": reading | {8: ["mm[Hg]", 18949, TAG4(4, [128, 1])]},
        "a tag that is none of ours": reading | {8: ["mm[Hg]", 18949, TAG4(2, b"\x01")]},
        "an origin that does not exist": reading | {9: 3},
        "a link that does not exist": reading | {9: 12},
        "a negative record number": reading | {10: -1},
        "an identity of two parts": {0: 3, 1: 5, 8: "d", 9: "1", 10: ["a", "b"], 11: "ble"},
        "a random id of 15 bytes": {0: 3, 1: 5, 8: "d", 9: "1", 10: bytes(15), 11: "ble"},
        "an anchor without a cause": {0: 4, 1: 5},
        "an event without a name": {0: 5, 1: 5},
        "an answer that was asked for before the epoch": {0: 5, 1: 5, 8: "clock-read", 9: 6},
    }
    made = [(name, cbor2.dumps(value)) for name, value in fields.items()]
    plain = cbor2.dumps(reading)
    return [
        *made,
        ("cut short", plain[:-1]),
        ("bytes behind it", plain + b"\x00"),
        ("a key twice", b"\xa3" + plain[1:] + b"\x01\x06"),
        ("of indefinite length", b"\xbf" + plain[1:] + b"\xff"),
        ("above 32 KiB", cbor2.dumps(reading | {7: {"long": "x" * 32_768}})),
        ("no map", cbor2.dumps([])),
        ("empty", b""),
    ]


def statements(epoch):
    """Statements whose signature holds and which say nothing; (name, bytes)."""
    key_record = payload_of(epoch.key_record)
    checkpoint = {0: 3, 1: 1, 2: "hub-1", 3: epoch.kid, 4: 3, 5: 1, 6: UTC_MS, 7: bytes(32)}
    fields = {
        "key record: kid of 15 bytes": key_record | {3: epoch.kid[1:]},
        "key record: base IV of 11 bytes": key_record | {7: epoch.base_iv[1:]},
        "key record: boot id as a text": key_record | {8: "boot"},
        "key record: quality of 32": key_record | {11: 32},
        "key record: no software": {key: key_record[key] for key in range(12)},
        "key record: epoch before of two parts": key_record | {13: [epoch.kid, 1]},
        "key record: closed cleanly as a number": key_record | {13: [epoch.kid, 1, 1]},
        "checkpoint: last sequence -1": checkpoint | {4: -1},
        "checkpoint: last sequence beyond 32 bits": checkpoint | {4: 2**32},
        "checkpoint: ending 0": checkpoint | {5: 0},
        "checkpoint: ending 4": checkpoint | {5: 4},
        "checkpoint: chain of 31 bytes": checkpoint | {7: bytes(31)},
        "checkpoint: no time": {key: checkpoint[key] for key in range(6)},
        "gone: no ranges": {0: 4, 1: 1, 2: "hub-1", 3: UTC_MS},
        "gone: sequence 0": {0: 4, 1: 1, 2: "hub-1", 3: UTC_MS, 4: {epoch.kid: [[0, 1]]}},
        "no mark": {key: value for key, value in checkpoint.items() if key},
        "no hub": {key: value for key, value in checkpoint.items() if key != 2},
        "a mark of a later version": checkpoint | {0: 9},
    }
    return [(name, signed(HUBS["hub-1"], of)) for name, of in fields.items()]


def malformed(epochs):
    """All of them, by format."""
    epoch = epochs["x25519"]

    def listed(made):
        return [{"name": name, "bytes": data.hex()} for name, data in made]

    return {
        "receipts a hub ignores": listed(receipts(epoch.kid)),
        "receipts a hub takes": listed(receipts_to_accept(epoch.kid)),
        "plaintexts that are no records": listed(records()),
        "statements that say nothing": listed(statements(epoch)),
    }
