from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backend.billing.published import PUBLISHED
from backend.errors import RuleSetRefused
from backend.facts.rule_rows import (
    Signature,
    enter_rule_set,
    list_rule_sets,
    load_rule_sets,
    parse_rule_set,
    sign_rule_set,
)
from backend.patients.examine import judge_patient
from backend.tables import rule_set, rule_signature
from tests.backend.office import DAY, HOUR, PATIENT, frame, naive, utc
from tests.backend.stating import papers, state

NEXT = msgspec.structs.replace(
    PUBLISHED.sets[-1], id="us-medicare-2027", first=date(2027, 1, 1), last=date(2027, 12, 31)
)
DATA = msgspec.json.encode(NEXT)


def load(office, data=DATA):
    with office.ledger.writing() as connection:
        return enter_rule_set(connection, parse_rule_set(data), "clerk-1", office.now_ms)


def sign(office, name=NEXT.id, digest=NEXT.hash[:12]):
    with office.ledger.writing() as connection:
        signed = Signature("dr-1", office.now_ms, "the rule as published")
        sign_rule_set(connection, name, digest, signed)


def test_services_of_2027_are_held_until_a_person_has_signed_the_rules(office):
    office.now_ms = utc(2027, 1, 1)
    office.assign(since=date(2027, 1, 1))
    state(office, *papers("2027-01-01"))
    hub = office.enroll().begin(office.now_ms)
    hub.describe(office.now_ms)
    for n in range(20):
        at_ms = utc(2027, 1, 1) + n * DAY + 17 * HOUR
        hub.measure(at_ms, frame(naive(at_ms)))
    office.now_ms = utc(2027, 2, 2)
    office.take_all(hub)

    def reason(as_of):
        with office.ledger.reading() as connection:
            found = judge_patient(connection, PATIENT, 1, None, as_of=as_of)
        return {code.code: code.reason for code in found.codes}["99454"]

    february, march = (datetime(2027, month, 3, tzinfo=UTC) for month in (2, 3))
    assert reason(march) == "RULESET_UNVERIFIED"
    assert load(office)
    assert reason(march) == "RULESET_UNVERIFIED"
    office.now_ms = utc(2027, 2, 10)
    sign(office)
    assert reason(march) is None
    # What was asked before the signature is answered as it was.
    assert reason(february) == "RULESET_UNVERIFIED"


def test_a_set_is_loaded_once_and_never_changed(office):
    assert load(office)
    assert not load(office)
    other = msgspec.json.encode(msgspec.structs.replace(NEXT, version=2))
    with pytest.raises(RuleSetRefused, match="known with other rules"):
        load(office, other)
    with pytest.raises(RuleSetRefused, match="known with other rules"):
        load(office, other.replace(b"us-medicare-2027", b"us-medicare-2026"))
    assert office.count(rule_set) == 1


def test_only_what_was_loaded_and_read_can_be_signed(office):
    load(office)
    for name, digest in (
        (NEXT.id, "00" * 32),
        (NEXT.id, NEXT.hash[:4]),
        ("us-medicare-2028", NEXT.hash),
        ("us-medicare-2026", PUBLISHED.sets[-1].hash),
    ):
        with pytest.raises(RuleSetRefused):
            sign(office, name, digest)
    assert office.count(rule_signature) == 0
    sign(office)
    with office.ledger.reading() as connection:
        known = list(list_rule_sets(connection))
        actors = connection.scalars(select(rule_signature.c.actor)).all()
        assert load_rule_sets(connection).on(date(2027, 5, 1)) == NEXT
    assert [one.is_in_force for one in known] == [True, True, True]
    assert actors == ["dr-1"]


@given(st.binary(max_size=60) | st.integers(0, len(DATA)).map(lambda cut: DATA[:cut]))
def test_what_is_no_rule_set_is_refused(data):
    if data != DATA:
        with pytest.raises(RuleSetRefused):
            parse_rule_set(data)


def test_a_set_without_its_dates_or_programmes_is_refused():
    for faulty in (
        msgspec.structs.replace(NEXT, last=None),
        msgspec.structs.replace(NEXT, first=date(2028, 1, 1)),
        msgspec.structs.replace(NEXT, programs={"RPM": NEXT.programs["RPM"]}),
    ):
        with pytest.raises(RuleSetRefused):
            parse_rule_set(msgspec.json.encode(faulty))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"least":16', b'"least":4', "DAYS_BELOW_4"),
        (b'"least":40', b'"least":41', "MINUTES_BELOW_41"),
    ],
)
def test_a_minimum_that_no_reason_names_is_refused(old, new, reason):
    assert old in DATA
    with pytest.raises(RuleSetRefused, match=reason):
        parse_rule_set(DATA.replace(old, new))
