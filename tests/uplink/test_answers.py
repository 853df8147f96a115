from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.uplink.any_cbor import anything
from uplink.answers import Answer, Told, decode_answer, encode_answer
from uplink.errors import SealError, WireError
from uplink.keys import Signer
from uplink.seal import sign_answer, sign_statement, verify_answer, verify_receipt, verify_statement
from uplink.statements import Request, decode_statement, encode_statement

OFFICE, HUB = Signer.generate(), Signer.generate()
TOLD = Told(b"certificate", (b"authority",), ((0x647A, b"key"), (0x20, b"k")), (bytes(32),))
ANSWER = Answer("hub-1", 1_790_000_000_000, TOLD)
REQUEST = Request("hub-1", 1_790_000_000_000, b"csr", (bytes(8), bytes(8)), TOLD.id)


def test_what_the_office_tells_is_read_back_as_it_was_signed():
    for answer in (ANSWER, replace(ANSWER, request=REQUEST.id)):
        assert verify_answer(sign_answer(answer, OFFICE), [OFFICE.public()]) == answer
    assert verify_statement(sign_statement(REQUEST, HUB), [HUB.public()]) == REQUEST


def test_its_name_is_that_of_everything_but_hub_and_time():
    assert len(TOLD.id) == 8
    for change in (
        {"certificate": b"another"},
        {"authorities": (b"authority", b"another")},
        {"hpke": TOLD.hpke[::-1]},
        {"receipt_keys": (bytes(31) + b"\1",)},
    ):
        told = {name: getattr(TOLD, name) for name in Told.__dataclass_fields__}
        assert Told(**told | change).id != TOLD.id


def test_an_answer_by_another_key_or_with_other_bytes_does_not_hold():
    data = bytearray(sign_answer(ANSWER, OFFICE))
    with pytest.raises(SealError):
        verify_answer(bytes(data), [HUB.public()])
    data[-1] ^= 1
    with pytest.raises(SealError):
        verify_answer(bytes(data), [OFFICE.public()])


def test_an_answer_is_no_receipt_and_no_statement():
    for read in (
        lambda: verify_receipt(sign_answer(ANSWER, OFFICE), [OFFICE.public()]),
        lambda: verify_answer(sign_statement(REQUEST, OFFICE), [OFFICE.public()]),
        lambda: verify_statement(sign_answer(ANSWER, OFFICE), [OFFICE.public()]),
    ):
        with pytest.raises(WireError):
            read()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (0, 2),
        (1, 2),
        (2, "Hub"),
        (3, -1),
        (4, "certificate"),
        (5, []),
        (5, [1]),
        (6, []),
        (6, [[0x20]]),
        (6, [[-1, b""]]),
        (7, []),
        (7, [bytes(31)]),
        (8, bytes(7)),
    ],
)
def test_an_answer_that_says_too_little_is_refused(key, value):
    fields = cbor2.loads(encode_answer(ANSWER))
    with pytest.raises(WireError):
        decode_answer(cbor2.dumps(fields | {key: value}))


@pytest.mark.parametrize(("key", "value"), [(3, "now"), (4, None), (5, [b"short"]), (6, bytes(9))])
def test_a_request_that_says_too_little_is_refused(key, value):
    fields = cbor2.loads(encode_statement(REQUEST))
    with pytest.raises(WireError):
        decode_statement(cbor2.dumps(fields | {key: value}))


@given(st.dictionaries(st.integers(0, 8), anything))
def test_any_map_is_an_answer_or_a_wire_error(fields):
    whole = cbor2.loads(encode_answer(ANSWER))
    for found in (fields, whole | fields):
        try:
            decode_answer(cbor2.dumps(found))
        except WireError:
            continue


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_wire_error(data):
    with pytest.raises((WireError, SealError)):
        verify_answer(data, [OFFICE.public()])


@given(st.dictionaries(st.integers(2, 6), anything))
def test_any_map_is_a_request_or_a_wire_error(fields):
    whole = cbor2.loads(encode_statement(REQUEST))
    try:
        decode_statement(cbor2.dumps(whole | fields))
    except WireError:
        return
