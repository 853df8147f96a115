"""Bytes from outside: whatever they are, the intake answers, the ledger lives, nothing is lost."""

from dataclasses import replace

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend import tables
from tests.backend.office import MINUTE, PREFIX, START, Office, frame, naive
from tests.uplink.any_cbor import anything
from uplink.seal import _sign1, verify_key_record
from uplink.statements import encode_statement

RECORDS = f"{PREFIX}/v1/hub-1/records"
meets = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def hub(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START)
    hub.measure(START + MINUTE, frame(naive(START + MINUTE)))
    office.take_all(hub)
    return hub


def check(office, hub):
    """What was taken before is still there, and is still receipted."""
    assert office.take(hub, hub.run(1, 2)).receipt.stored == {hub.epoch.kid: [(1, 2)]}
    assert office.calendar().held or office.calendar().days


@meets
@given(topic=st.text(max_size=30), payload=st.binary(max_size=200))
def test_any_bytes_on_any_topic(office, hub, topic, payload):
    office.intake.take(topic, payload)
    office.intake.take(RECORDS, payload)
    check(office, hub)


runs = st.tuples(
    st.sampled_from([bytes(16), b"kid"]) | st.binary(min_size=16, max_size=16),
    st.integers(-1, 2**33),
    st.lists(st.binary(max_size=40), max_size=3),
).map(list)


@meets
@given(items=st.lists(anything | runs | st.binary(max_size=40), max_size=5))
def test_any_items(office, hub, items):
    own = [hub.epoch.kid, 2, [b"not what was sealed"]]
    office.intake.take(RECORDS, cbor2.dumps([*items, own]))
    check(office, hub)


@meets
@given(
    enc=st.binary(max_size=80),
    suite=st.sampled_from([0x20, 0x647A, 0]),
    start=st.tuples(st.integers(0, 2**40), st.integers(0, 2**44), st.integers(0, 31)),
)
def test_any_key_record_that_the_hub_signed(office, hub, enc, suite, start):
    known = verify_key_record(hub.key_record, hub.signer.public())
    names = dict(zip(("boottime_ms", "utc_ms", "quality"), start, strict=True))
    other = replace(known, kid=bytes(16), enc=enc, suite=suite, start=known.start._replace(**names))
    office.take(hub, _sign1(encode_statement(other), hub.signer))
    assert office.count(tables.epoch) == 1
    check(office, hub)


instants = st.integers(0, 253_402_300_799_999)
fields = st.fixed_dictionaries(
    {0: st.sampled_from([1, 1, 3, 4, 5, 5]) | st.integers(0, 99), 1: instants},
    optional={
        2: st.integers(-(2**46), 2**46),
        3: st.integers(0, 33),
        4: st.integers(0, 2),
        5: st.lists(st.just(0x2A35) | st.binary(max_size=20), max_size=4) | anything,
        6: st.integers(-(2**36), 2**38) | anything,
        7: st.just({"user_id": 1}) | anything,
        8: st.sampled_from(["clock-read", "clock-set", "measurement-failed", [], "sync"])
        | anything,
        9: st.integers(0, 11) | anything,
        10: st.just(["A&D Medical", "UA-651BLE", "1"]) | st.integers(0, 2**63) | anything,
        11: st.just("ble") | anything,
    },
)


@meets
@given(
    plaintexts=st.lists(fields.map(cbor2.dumps) | st.binary(max_size=30), min_size=1, max_size=9)
)
def test_any_record_that_the_hub_sealed(office, hub, plaintexts):
    hub.begin(START)
    for plaintext in plaintexts:
        hub.seal(plaintext)
    stored = office.take_all(hub).receipt.stored
    assert stored == {hub.epoch.kid: [(1, len(plaintexts))]}
    office.calendar()


@settings(meets, max_examples=20)
@given(plaintexts=st.lists(fields.map(cbor2.dumps), min_size=10, max_size=40))
def test_any_ledger_can_be_verified(tmp_path_factory, plaintexts):
    office = Office(tmp_path_factory.mktemp("office"))
    hub = office.enroll().begin(START)
    for plaintext in plaintexts:
        hub.seal(plaintext)
    office.take_all(hub)
    found = office.verify()
    assert found.records == len(plaintexts)
    assert (found.gaps, found.doubles, found.unopenable) == ([], 0, 0)
    office.ledger.close()
