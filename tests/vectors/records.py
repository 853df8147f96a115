"""Records, key records, statements, messages and receipts: facts beside the bytes they become."""

from base64 import b64encode
from datetime import datetime
from decimal import Decimal

from backend.naming import Name, as_measurement, identity_bytes, reading_id
from tests.vectors.known import HUBS, OPENING, RECEIPT_KEY, START, UTC_MS, fixed, show
from uplink.cbor import dump
from uplink.keys import hpke_info
from uplink.records import (
    ChannelFact,
    ClockRecord,
    DeviceRecord,
    EventRecord,
    ObservationFact,
    ReadingRecord,
    SeriesRecord,
    Stamp,
    encode,
)
from uplink.seal import encrypt0, sign_receipt, sign_statement
from uplink.statements import CHAIN_START, Checkpoint, Ending, Gone, Request, extend_chain
from uplink.wire import Receipt, Refusal, Run, encode_message, encode_receipt

CUFF = ("A&D Medical", "UA-651BLE", "5181100123")
RANDOM_ID = fixed("random id of a cuff without a serial", 16)
TIMED = bytes.fromhex("167d0050006600e10701100c273640000000")
CLOCKLESS = bytes.fromhex("047d00500066003c00")
OBSERVATIONS = (
    ObservationFact(150021, Decimal(125), "mm[Hg]"),
    ObservationFact(150022, Decimal(80), "mm[Hg]"),
    ObservationFact(150023, Decimal(102), "mm[Hg]"),
    ObservationFact(149546, Decimal(64), "/min"),
)


def stamp(seconds, *, quality=7, ahead_ms=0):
    return Stamp(seconds * 1000, UTC_MS + seconds * 1000 + ahead_ms, quality)


def at(text):
    return datetime.fromisoformat(text)


RECORDS = {
    "device with a serial of its own": DeviceRecord(
        stamp(1), 0, "sig-blood-pressure", "1", CUFF, "ble", "A&D_UA-651BLE_0A1B2C", *CUFF, "1.0"
    ),
    "device known by a random id": DeviceRecord(
        stamp(1), 1, "sig-blood-pressure", "1", RANDOM_ID, "ble"
    ),
    "anchor at the start": ClockRecord(stamp(0, quality=0), "start"),
    "anchor when the clock was set right": ClockRecord(stamp(9, ahead_ms=86_400_000), "step"),
    "device clock was read": EventRecord(
        stamp(12), "clock-read", 0, device_time=at("2017-01-16T12:40:10"), asked_ms=11_900
    ),
    "device clock was set": EventRecord(
        stamp(13), "clock-set", 0, device_time=at("2026-09-21T09:33:33"), asked_ms=12_950
    ),
    "reading with a device time": ReadingRecord(
        stamp(14), 0, (("2A35", TIMED),), OBSERVATIONS, at("2017-01-16T12:39:54"), None, 0, 2
    ),
    "live reading without a device time": ReadingRecord(
        stamp(15), 1, (("2A35", CLOCKLESS),), OBSERVATIONS[:3], None, None, 1, 0
    ),
    "stored reading with everything": ReadingRecord(
        stamp(16, quality=5, ahead_ms=-37),
        1,
        (("00002a35-0000-1000-8000-00805f9b34fb", CLOCKLESS), ("2A49", b"\x01\x02")),
        (
            ObservationFact(150021, Decimal("-16.70"), "kPa"),
            ObservationFact(2**31, Decimal(7), "1"),
        ),
        at("2026-09-20T23:59:59.500"),
        4_294_967_296,
        2,
        1,
        ("body-movement", "irregular-pulse"),
        {"user_id": 2, "special": {"MDC_PULS_RATE_NON_INV": "NaN"}},
    ),
    "measurement that failed": EventRecord(
        stamp(17),
        "measurement-failed",
        0,
        (("2A35", bytes.fromhex("16ff07ff07ff07e107011000391cff070000")),),
        {"user_id": 1},
        at("2017-01-16T00:57:28"),
    ),
    "frame that no driver could decode": EventRecord(
        stamp(18), "frame-undecodable", 0, (("2A35", b"\x16\x7d"),)
    ),
    "stretch of a stream": SeriesRecord(
        stamp(20),
        1,
        ("", bytes.fromhex("8552403f62") * 4),
        (
            ChannelFact(150456, "%", ((Decimal(98), 3), (None, 1))),
            ChannelFact(149530, "/min", ((Decimal(63), 1), (Decimal("63.5"), 3))),
        ),
        4,
        Decimal(60),
        67,
    ),
    "battery": EventRecord(stamp(19), "battery", 0, (("2A19", b"\x32"),), {"percent": 50}),
}


def keys():
    return {
        "hubs": [
            {"hub": name, "private": fixed(name).hex(), "public": signer.public().hex()}
            for name, signer in HUBS.items()
        ],
        "receipt": {
            "private": fixed("receipt key").hex(),
            "public": RECEIPT_KEY.public().hex(),
            "file": RECEIPT_KEY.to_text(),
        },
        "backend": [
            {
                "suite": f"{suite:#06x}",
                "id": key.public().id.hex(),
                "private": fixed(f"backend key {suite:#06x}").hex(),
                "public": key.public().data.hex(),
                "file": key.to_text(),
                "answer": {"suite": suite, "key": b64encode(key.public().data).decode()},
            }
            for suite, key in OPENING.items()
        ],
    }


def key_records(epochs):
    return [
        {
            "name": epoch.name,
            "bytes": epoch.key_record.hex(),
            "says": show(epoch.record),
            "info": hpke_info(epoch.hub, epoch.kid).hex(),
            "data_key": epoch.data_key.hex(),
            "opens": epoch.record.backend_key in {key.public().id for key in OPENING.values()},
        }
        for epoch in epochs.values()
    ]


def records(epoch):
    """Each record under the sequence of its place, from 1."""
    made = []
    for sequence, (name, record) in enumerate(RECORDS.items(), 1):
        plaintext = encode(record, START)
        sealed = epoch.seal(sequence, plaintext)
        vector = {
            "name": name,
            "epoch": epoch.name,
            "sequence": sequence,
            "kind": type(record).__name__.removesuffix("Record").lower(),
            "record": show(record),
            "plaintext": plaintext.hex(),
            "nonce": (int.from_bytes(epoch.base_iv) ^ sequence).to_bytes(12).hex(),
            "external_aad": dump([1, epoch.hub]).hex(),
            "sealed": sealed.hex(),
            "encrypt0": encrypt0(epoch.kid, sequence, sealed).hex(),
        }
        if measured := as_measurement(record):
            identity = identity_bytes(RANDOM_ID if measured.device else CUFF)
            named = reading_id(identity, Name(epoch.hub, epoch.kid, sequence), measured)
            vector |= {"identity": identity.hex(), "reading_id": named.hex()}
        made.append(vector)
    return made


def statements(epochs, sealed):
    """Checkpoints with the chain they rest on, and what is gone."""
    epoch = epochs["x25519"]
    chains = [CHAIN_START]
    for one in sealed:
        chains.append(extend_chain(chains[-1], [one]))
    said = {
        "nothing was sealed": Checkpoint("hub-1", epoch.kid, 0, Ending.OPEN, UTC_MS, chains[0]),
        "the epoch goes on": Checkpoint("hub-1", epoch.kid, 3, Ending.OPEN, UTC_MS, chains[3]),
        "closed in order": Checkpoint(
            "hub-1", epoch.kid, len(sealed), Ending.CLOSED, UTC_MS, chains[-1], fixed("before", 16)
        ),
        "found so by a later start": Checkpoint("hub-1", epoch.kid, 5, Ending.RECOVERED, UTC_MS),
        "what has changed?": Request("hub-1", UTC_MS, b"PKCS 10", (bytes(8),), bytes(8)),
        "gone for good": Gone("hub-1", UTC_MS, {epoch.kid: ((1, 1), (3, 2**32 - 1))}),
    }
    return {
        "chain": {"sealed": [one.hex() for one in sealed], "chains": [one.hex() for one in chains]},
        "statements": [
            {"name": name, "bytes": sign_statement(one, HUBS["hub-1"]).hex(), "says": show(one)}
            for name, one in said.items()
        ],
    }


def messages(epochs, sealed):
    one, other = epochs["x25519"], epochs["after-a-crash"]
    run = Run(one.kid, 1, tuple(sealed))
    made = {
        "a lone reading": [Run(one.kid, 7, (sealed[6],))],
        "an epoch begins": [one.key_record, run],
        "two epochs": [
            other.key_record,
            Run(one.kid, 12, tuple(sealed[11:])),
            Run(other.kid, 1, (b"x" * 17,)),
        ],
        "the last sequence there is": [Run(one.kid, 2**32 - 1, (sealed[0],))],
    }
    return [
        {
            "name": name,
            "bytes": encode_message(items).hex(),
            "items": [
                {"statement": item.hex()}
                if isinstance(item, bytes)
                else {
                    "run": {"kid": item.kid.hex(), "first": item.first, "sealed": show(item.sealed)}
                }
                for item in items
            ],
        }
        for name, items in made.items()
    ]


def receipts(epochs):
    """To produce: the facts of a receipt, and just these bytes for them."""
    kid, other = epochs["x25519"].kid, epochs["after-a-crash"].kid
    made = {
        "one range": Receipt("hub-1", UTC_MS, {kid: ((1, 12),)}),
        "ranges of two epochs": Receipt("hub-1", UTC_MS, {kid: ((1, 3), (7, 7)), other: ((1, 1),)}),
        "refused": Receipt(
            "hub-1",
            UTC_MS,
            {kid: ((1, 1),)},
            (Refusal(kid, 2, "conflict"), Refusal(kid, 3, "unopenable")),
        ),
        "epochs that are not known": Receipt("hub-1", UTC_MS, unknown=(other,)),
        "wanted, and a checkpoint that was kept": Receipt(
            "hub-1", UTC_MS, wanted={kid: ((4, 6),)}, checked={kid: 12}
        ),
        "all at once, at the limits": Receipt(
            "hub-2",
            253_402_300_799_999,
            {kid: ((1, 2**32 - 1),)},
            (Refusal(other, 2**32 - 1, "conflict"),),
            (other,),
            {kid: ((1, 1),)},
            {kid: 2**32 - 1},
        ),
    }
    return [
        {
            "name": name,
            "receipt": show(receipt),
            "payload": encode_receipt(receipt).hex(),
            "bytes": sign_receipt(receipt, RECEIPT_KEY).hex(),
        }
        for name, receipt in made.items()
    ]
