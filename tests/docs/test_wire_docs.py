import re
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import uplink.answers
import uplink.records
import uplink.statements
import uplink.wire
from tests.fakes.cddl import Cddl
from tests.uplink.any_cbor import anything
from tests.vectors.make import load
from uplink.errors import WireError
from uplink.records import EpochStart, decode
from uplink.statements import decode_statement
from uplink.wire import decode_message, decode_receipt

DOCS = Path(__file__).parents[2] / "docs"
GRAMMAR = Cddl((DOCS / "wire.cddl").read_text())
KINDS = ["reading", "series", "device", "clock", "event"]
START = EpochStart(bytes(16), 0, 0, 0, "")
BEYOND_GRAMMAR = {
    "a changed signature",
    "signed by a stranger",
    "a range that ends before it begins",
    "a device time after the year 9999",
    "a value before any unit",
    "an answer that was asked for before the epoch",
    "above 32 KiB",
}
thorough = settings(max_examples=100, deadline=None)


def named(name, *path):
    """Vectors as parameters."""
    vectors = load(name)
    for key in path:
        vectors = vectors[key]
    return pytest.mark.parametrize("one", vectors, ids=lambda one: one["name"])


def payload_of(sign1):
    return cbor2.loads(sign1).value[2]


@named("records")
def test_a_record_is_of_the_grammar(one):
    assert GRAMMAR.matches("record", bytes.fromhex(one["plaintext"]))
    assert [kind for kind in KINDS if GRAMMAR.matches(kind, bytes.fromhex(one["plaintext"]))] == [
        one["kind"]
    ]
    assert GRAMMAR.matches("encrypt0", bytes.fromhex(one["encrypt0"]))


@named("key-records")
def test_a_key_record_is_of_the_grammar(one):
    assert GRAMMAR.matches("sign1", bytes.fromhex(one["bytes"]))
    assert GRAMMAR.matches("key-record", payload_of(bytes.fromhex(one["bytes"])))
    assert GRAMMAR.matches("hpke-info", bytes.fromhex(one["info"]))


@named("statements", "statements")
def test_a_statement_is_of_the_grammar(one):
    assert GRAMMAR.matches("sign1", bytes.fromhex(one["bytes"]))
    assert GRAMMAR.matches("statement", payload_of(bytes.fromhex(one["bytes"])))


@named("messages")
def test_a_message_is_of_the_grammar(one):
    assert GRAMMAR.matches("message", bytes.fromhex(one["bytes"]))


@named("receipts")
def test_a_receipt_is_of_the_grammar(one):
    assert GRAMMAR.matches("receipt", bytes.fromhex(one["payload"]))
    assert GRAMMAR.matches("sign1", bytes.fromhex(one["bytes"]))


@named("malformed", "plaintexts that are no records")
def test_what_is_no_record_is_not_of_the_grammar(one):
    matches = GRAMMAR.matches("record", bytes.fromhex(one["bytes"]))
    assert matches == (one["name"] in BEYOND_GRAMMAR)


@pytest.mark.parametrize(
    ("rule", "name"),
    [("receipt", "receipts a hub ignores"), ("statement", "statements that say nothing")],
)
def test_what_says_nothing_is_not_of_the_grammar(rule, name):
    matching = {
        one["name"]
        for one in load("malformed")[name]
        if GRAMMAR.matches("sign1", bytes.fromhex(one["bytes"]))
        and GRAMMAR.matches(rule, payload_of(bytes.fromhex(one["bytes"])))
    }
    assert matching <= BEYOND_GRAMMAR


@pytest.mark.parametrize(
    ("rule", "read", "vectors"),
    [
        ("record", lambda data: decode(data, START), [one["plaintext"] for one in load("records")]),
        ("receipt", decode_receipt, [one["payload"] for one in load("receipts")]),
        ("message", decode_message, [one["bytes"] for one in load("messages")]),
        (
            "statement",
            decode_statement,
            [payload_of(bytes.fromhex(one["bytes"])).hex() for one in load("key-records")]
            + [
                payload_of(bytes.fromhex(one["bytes"])).hex()
                for one in load("statements")["statements"]
            ],
        ),
    ],
    ids=["record", "receipt", "message", "statement"],
)
def test_what_our_code_reads_is_of_the_grammar_however_it_was_changed(rule, read, vectors):
    @given(st.sampled_from(vectors), st.data())
    @thorough
    def check(vector, data):
        value = cbor2.loads(bytes.fromhex(vector))
        keys = list(value) if isinstance(value, dict) else range(len(value))
        # Nobody writes null; our code takes it for a key that is absent.
        drawn = data.draw(anything.filter(lambda item: item is not None))
        value[data.draw(st.sampled_from(keys))] = drawn
        try:
            changed = cbor2.dumps(value)
            read(changed)
        except (WireError, cbor2.CBORError, UnicodeEncodeError):
            return
        assert GRAMMAR.matches(rule, changed)

    check()


def keys_of(rule):
    """The keys of a map in the grammar, with those of its kind of record."""
    (_, [what]) = GRAMMAR.rules[rule]
    (_, [entries]) = what
    return {entry.key[1] for entry in GRAMMAR._flat(entries) if entry.key[0] == "literal"}


def keys_told(text):
    """The keys that a docstring gives one map."""
    return {int(key) for key in re.findall(r"(?<!\w)(\d+):", re.sub(r";[^\n]*", "", text))}


@pytest.mark.parametrize(
    ("module", "rule"),
    [
        (uplink.wire, "receipt"),
        (uplink.statements, "key-record"),
        (uplink.statements, "checkpoint"),
        (uplink.statements, "gone"),
        (uplink.statements, "request"),
        (uplink.answers, "answer"),
    ],
)
def test_a_docstring_has_the_keys_of_the_grammar(module, rule):
    told = re.search(rf"{rule} = \{{(.+?)\n\s*\}}\n", module.__doc__, re.DOTALL)[1]
    assert keys_told(told) == keys_of(rule)


def test_the_docstring_of_records_has_the_keys_of_the_grammar():
    common, *kinds = re.split(r"; (?=[a-z]+ \(\d\))", uplink.records.__doc__)
    for kind in kinds:
        assert keys_told(common) | keys_told(kind) >= keys_of(kind.split()[0])
        assert keys_told(kind) <= keys_of(kind.split()[0])
    assert {kind.split()[0] for kind in kinds} <= set(KINDS)


def test_every_rule_of_the_grammar_is_told_of():
    told = (DOCS / "wire.md").read_text()
    top = ["message", "run", "key-record", "checkpoint", "gone", "request", "answer", "receipt"]
    assert [rule for rule in [*top, *KINDS] if f"`{rule}`" not in told] == []
