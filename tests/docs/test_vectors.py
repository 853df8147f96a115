import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from backend import tables
from backend.dating.judge import Anchor, ClockFact, Delivered, Seen, judge, local_date
from backend.intake.messages import Intake
from backend.ledger import Ledger
from backend.naming import Name, as_measurement, reading_id
from backend.reading_names import ReadingNames
from backend.tables import hub
from tests.docs.expected import as_expected, is_as_expected
from tests.vectors.make import FOLDER, load, load_encs, make
from uplink.errors import SealError, UnknownKind, WireError
from uplink.keys import OpeningKey, Signer
from uplink.records import EpochStart, decode
from uplink.seal import DataKey, encrypt0, verify_receipt, verify_statement
from uplink.statements import CHAIN_START, Ending, extend_chain
from uplink.wire import Run, decode_message, decode_receipt, encode_receipt

KEYS = load("keys")
PUBLICS = {one["hub"]: bytes.fromhex(one["public"]) for one in KEYS["hubs"]}
RECEIPT = bytes.fromhex(KEYS["receipt"]["public"])
OPENING = {
    key.public().id: key for one in KEYS["backend"] if (key := OpeningKey.from_text(one["file"]))
}
EXCHANGES = load("exchanges")
EPOCHS = {one["name"]: one for one in load("key-records")}


def epoch_of(name):
    says = EPOCHS[name]["says"]
    key = bytes.fromhex(EPOCHS[name]["data_key"])
    return DataKey(says["hub"], *(bytes.fromhex(says["kid"]), key, bytes.fromhex(says["base_iv"])))


def ids(vectors):
    return [one["name"] for one in vectors]


def test_the_vectors_are_what_the_formats_give_today():
    encs = load_encs()
    made = make(dict(encs))
    assert encs.keys() == EPOCHS.keys()
    on_disk = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    assert json.loads(json.dumps(made)) == on_disk


@pytest.mark.parametrize("one", load("key-records"), ids=ids(load("key-records")))
def test_a_key_record_opens_to_its_data_key(one):
    record = verify_statement(bytes.fromhex(one["bytes"]), [PUBLICS[one["says"]["hub"]]])
    key = OPENING.get(record.backend_key)
    assert bool(key) == one["opens"]
    if key:
        probe = key.open_key(record).seal(1, b"")
        assert probe == epoch_of(one["name"]).seal(1, b"")


@pytest.mark.parametrize("one", load("records"), ids=ids(load("records")))
def test_a_record_opens_reads_and_is_named(one):
    epoch, sequence, sealed = epoch_of(one["epoch"]), one["sequence"], bytes.fromhex(one["sealed"])
    plaintext = epoch.open(sequence, sealed)
    assert plaintext.hex() == one["plaintext"]
    assert encrypt0(epoch.kid, sequence, sealed).hex() == one["encrypt0"]
    start = EPOCHS[one["epoch"]]["says"]["start"]
    record = decode(plaintext, EpochStart(bytes.fromhex(start["boot"]), *list(start.values())[1:]))
    if measured := as_measurement(record):
        name = Name(epoch.hub, epoch.kid, sequence)
        assert reading_id(bytes.fromhex(one["identity"]), name, measured).hex() == one["reading_id"]


def test_statements_and_the_chain_are_those_of_the_vectors():
    vectors = load("statements")
    sealed = [bytes.fromhex(one) for one in vectors["chain"]["sealed"]]
    chains = [extend_chain(CHAIN_START, sealed[:n]).hex() for n in range(len(sealed) + 1)]
    assert chains == vectors["chain"]["chains"]
    for one in vectors["statements"]:
        stated = verify_statement(bytes.fromhex(one["bytes"]), [PUBLICS["hub-1"]])
        assert stated.utc_ms == one["says"]["utc_ms"]
        if "ending" in one["says"]:
            assert stated.ending is Ending[one["says"]["ending"].upper()]


@pytest.mark.parametrize("one", load("messages"), ids=ids(load("messages")))
def test_a_message_has_its_items(one):
    items = decode_message(bytes.fromhex(one["bytes"])).items
    assert [
        {
            "run": {
                "kid": item.kid.hex(),
                "first": item.first,
                "sealed": [s.hex() for s in item.sealed],
            }
        }
        if isinstance(item, Run)
        else {"statement": item.hex()}
        for item in items
    ] == one["items"]


@pytest.mark.parametrize("one", load("receipts"), ids=ids(load("receipts")))
def test_a_receipt_has_just_these_bytes(one):
    receipt = verify_receipt(bytes.fromhex(one["bytes"]), [RECEIPT])
    assert encode_receipt(receipt).hex() == one["payload"]
    assert decode_receipt(bytes.fromhex(one["payload"])) == receipt
    assert Signer.from_text(KEYS["receipt"]["file"]).public() == RECEIPT


# A ledger without that table leaves checkpoints unread, as any reader of version 1 may.
@pytest.mark.parametrize(
    "name", [n for n in EXCHANGES if "checkpoint" not in n or hasattr(tables, "checkpoint")]
)
def test_our_backend_answers_as_the_vectors_state(name, tmp_path):
    exchange = EXCHANGES[name]
    keys = {
        id_: key
        for id_, key in OPENING.items()
        if f"{key.public().suite:#06x}" == exchange["suite"]
    }
    kept = Ledger(tmp_path / "ledger.db", ReadingNames(keys.values), create=True)
    with kept.writing() as connection:
        for enrolled in ("hub-1", "hub-2"):
            row = {"id": enrolled, "sign_key": PUBLICS[enrolled], "certificate": ""}
            connection.execute(insert(hub).values(row | {"enrolled_ms": 0}))
    signer = Signer.from_text(KEYS["receipt"]["file"])
    intake = Intake(kept, keys, signer, "vitalpost", lambda: 1_790_000_000_000)
    for step in exchange["steps"]:
        reply = intake.take(step["topic"], bytes.fromhex(step["payload"]))
        strict = {key: value for key, value in step.items() if key != "may"}
        assert is_as_expected(strict, reply.receipt), as_expected(reply.receipt)
    kept.close()


MALFORMED = load("malformed")


@pytest.mark.parametrize("one", MALFORMED["receipts a hub ignores"], ids=lambda one: one["name"])
def test_a_hub_ignores_this_receipt(one):
    with pytest.raises((WireError, SealError)):
        verify_receipt(bytes.fromhex(one["bytes"]), [RECEIPT])


@pytest.mark.parametrize("one", MALFORMED["receipts a hub takes"], ids=lambda one: one["name"])
def test_a_hub_takes_this_receipt(one):
    assert verify_receipt(bytes.fromhex(one["bytes"]), [RECEIPT]).hub == "hub-1"


@pytest.mark.parametrize(
    "one", MALFORMED["plaintexts that are no records"], ids=lambda one: one["name"]
)
def test_this_plaintext_is_no_record(one):
    with pytest.raises(WireError):
        decode(bytes.fromhex(one["bytes"]), EpochStart(bytes(16), 0, 0, 0, ""))


@pytest.mark.parametrize(
    "one", MALFORMED["statements that say nothing"], ids=lambda one: one["name"]
)
def test_this_statement_says_nothing(one):
    wanted = UnknownKind if "later version" in one["name"] else WireError
    with pytest.raises(wanted):
        verify_statement(bytes.fromhex(one["bytes"]), [PUBLICS["hub-1"]])


@pytest.mark.parametrize("case", load("times"), ids=ids(load("times")))
def test_a_reading_is_judged_as_the_vectors_state(case):
    def facts(kind, rows):
        made = [
            {**row, "boot": bytes.fromhex(row["boot"])} if "boot" in row else row for row in rows
        ]
        return [kind(**(row | times(row))) for row in made]

    def times(row):
        told = row.get("device_time")
        return (
            {"device_time": told and datetime.fromisoformat(told)} if "device_time" in row else {}
        )

    found = judge(
        facts(Seen, case["sightings"]),
        facts(ClockFact, case["clock_facts"]),
        facts(Anchor, case["anchors"]),
        case["enrolled_ms"],
        facts(Delivered, case["delivered"]),
    )
    date = local_date(found, ZoneInfo(case["zone"]))
    assert (found.method, found.reason) == (case["method"], case["reason"])
    assert [list(one) for one in found.candidates] == case["candidates"]
    assert (date and date.isoformat()) == case["date"]
