import json
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.errors import FactFault, FactsRefused
from backend.facts.entry import enter, parse, parse_lines
from backend.facts.kinds import KINDS
from backend.facts.rows import load_stated
from backend.tables import fact
from tests.backend.office import DAY, PATIENT
from tests.backend.stating import call, papers, state, told

FILE = [json.dumps(line).encode() for line in papers()]


def held(office, *kinds):
    with office.ledger.reading() as connection:
        return load_stated(connection, PATIENT, kinds or tuple(KINDS))


def enter_file(office, lines):
    with office.ledger.writing() as connection:
        return enter(connection, parse_lines(lines), office.now_ms)


def fault(line, number=1):
    with pytest.raises(FactFault) as caught:
        parse(number, line)
    return caught.value


@pytest.fixture
def office(office):
    office.assign()
    return office


def test_a_fact_has_actor_time_and_cause(office):
    state(office, told("order", on="2026-03-01"))
    (one,) = held(office)
    assert one[2:] == (
        "order",
        KINDS["order"](on=date(2026, 3, 1)),
        "nurse-1",
        office.now_ms,
        "the set-up visit",
    )


def test_the_same_file_twice_adds_nothing(office):
    first = enter_file(office, FILE)
    office.now_ms += DAY
    again = enter_file(office, [*FILE, b"", *FILE])
    assert (len(first.added), first.known) == (len(FILE), [])
    assert (again.added, again.known) == ([], first.added * 2)
    assert office.count(fact) == len(FILE)


def test_one_fault_and_nothing_of_the_file_is_entered(office):
    wrong = json.dumps(told("order", on="the first of March")).encode()
    stranger = json.dumps(told("order", patient="patient-9", on="2026-03-01")).encode()
    for lines in ([*FILE, wrong], [*FILE, stranger]):
        with pytest.raises(FactsRefused, match=f"line {len(FILE) + 1}"):
            enter_file(office, lines)
    assert office.count(fact) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "line 1: found [], wanted one JSON object"),
        (
            told("order", on="2026-13-01"),
            "line 1, body.on: found '2026-13-01', wanted a date such as 2026-03-01",
        ),
        (told("order"), "line 1, body.on: found nothing, wanted a date such as 2026-03-01"),
        (
            told("order", on="2026-03-01") | {"because": ""},
            "line 1, because: found '', wanted a text of 1 to 4000 characters",
        ),
        (
            told("order", on="2026-03-01", name="x"),
            (
                "line 1, body.name: found a field that does not belong here, wanted one of on, "
                "episode, npi, parameter, device, diagnosis, necessity, goal"
            ),
        ),
        (
            told("order", patient="Two Words", on="2026-03-01"),
            (
                "line 1, patient: found 'Two Words', wanted an opaque id of at most 64 characters "
                "without a space; no name"
            ),
        ),
        (
            told("consent", on="2026-03-01", method="nod"),
            "line 1, body.method: found 'nod', wanted one of electronic, verbal, written",
        ),
        (
            told("patient", zone="Moon/Base", since="2026-03-01"),
            "line 1, body.zone: found 'Moon/Base', wanted an IANA zone such as America/New_York",
        ),
        (
            told("stay", since="2026-03-05", until="2026-03-01"),
            "line 1, body.to: found '2026-03-01', wanted a date no earlier than `from`",
        ),
        (
            call("2026-03-05T10:00:00", "2026-03-05T10:10:00"),
            (
                "line 1, body.start: found '2026-03-05T10:00:00', wanted a date and time with its "
                "offset, such as 2026-03-01T08:00:00-05:00"
            ),
        ),
        (
            call("2026-03-05T10:00:00Z", "2026-03-05T09:00:00Z"),
            (
                "line 1, body.stop: found '2026-03-05T09:00:00Z', wanted a time from `start` on, "
                "within 24 hours"
            ),
        ),
        (
            told("lock", period=0, at="2026-03-05T10:00:00Z"),
            "line 1, body.period: found 0, wanted a whole number from 1 to 1200",
        ),
        (
            told("withdrawal"),
            "line 1, replaces: found '', wanted the fact that is withdrawn, and no body",
        ),
    ],
)
def test_every_fault_names_line_and_path_what_was_found_and_what_was_wanted(line, said):
    assert str(fault(line)) == said


def test_an_unknown_kind_is_told_the_kinds_there_are():
    assert str(fault(told("orders"))).startswith("line 1, kind: found 'orders', wanted one of pat")


def test_a_note_is_not_signed_with_a_question_open():
    answers = {"why": "a", "data": "b", "reviewed": "c", "contact": "d", "changed": "e"}
    note = {"month": "2026-03", "reviewer": "dr-1", "signed": "2026-04-02T10:00:00Z"}
    parse(1, told("note", **answers, **note))
    parse(1, told("note", month="2026-03", why="a"))
    for name in (*answers, "reviewer"):
        found = fault(told("note", **(answers | note | {name: " "})))
        assert (found.path, found.wanted) == (
            f"body.{name}",
            "an answer before the note is signed",
        )


def test_a_correction_is_a_new_row_and_what_it_replaces_no_longer_holds(office):
    (wrong,) = state(office, told("order", on="2026-03-01")).added
    (right,) = state(office, told("order", on="2026-03-02", replaces=wrong, cause="a slip")).added
    assert [one.name for one in held(office)] == [right]
    assert office.count(fact) == 2
    state(office, told("withdrawal", replaces=right, cause="never ordered"))
    assert held(office) == []
    # The file that held the first one says nothing new.
    assert state(office, told("order", on="2026-03-01")).added == []


def test_what_was_replaced_or_is_another_kind_or_anothers_cannot_be_replaced(office):
    office.assign("patient-2", identity=bytes(16))
    (order,) = state(office, told("order", on="2026-03-01")).added
    (theirs,) = state(office, told("order", patient="patient-2", on="2026-03-01")).added
    state(office, told("order", on="2026-03-02", replaces=order))
    for name, kind in ((order, "order"), (theirs, "order"), ("00" * 8, "order")):
        with pytest.raises(FactsRefused, match="replaces"):
            state(office, told(kind, on="2026-03-03", replaces=name))
    (plan,) = state(office, told("plan", on="2026-03-01")).added
    with pytest.raises(FactsRefused, match="wanted a fact of kind order"):
        state(office, told("order", on="2026-03-03", replaces=plan))


def test_a_patient_without_a_hub_is_entered_by_zone(office):
    diary = told("patient", patient="patient-3", zone="Europe/Paris", since="2026-03-01")
    state(office, diary, told("order", patient="patient-3", on="2026-03-01"))
    assert state(office, told("order", patient="patient-3", on="2026-03-01")).added == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=6), some, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = sorted({f.encode_name for k in KINDS.values() for f in msgspec.structs.fields(k)})
LINES = st.fixed_dictionaries(
    {
        "patient": st.just(PATIENT) | JSON,
        "kind": st.sampled_from([*KINDS, "withdrawal"]) | JSON,
        "by": st.just("nurse-1") | JSON,
        "because": st.just("a call") | JSON,
        "body": st.dictionaries(
            st.sampled_from(FIELDS),
            JSON | st.sampled_from(("2026-03-01", "2026-03-01T10:00:00Z", "RPM", "RTM", 1, "msk")),
            max_size=5,
        )
        | JSON,
    },
    optional={"replaces": st.just("00" * 8) | JSON, "more": JSON},
)


def parsed(line):
    """What a line states, or its fault."""
    try:
        return parse(7, line)
    except FactFault as fault:
        return fault


@settings(max_examples=400)
@given(LINES)
def test_whatever_a_line_holds_is_a_fact_or_a_fault(line):
    found = parsed(line)
    if isinstance(found, FactFault):
        assert found.line == 7
        assert found.found
        assert found.wanted
    else:
        again = msgspec.to_builtins(found.body) if found.body else {}
        assert parse(7, {**line, "body": again}) == found


def lines_of(lines):
    """How many statements a file holds, and the lines of its faults."""
    try:
        return len(parse_lines(lines)), []
    except FactsRefused as refused:
        return 0, [fault.line for fault in refused.faults]


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40) | st.sampled_from(FILE), max_size=6))
def test_whatever_a_file_holds_is_facts_or_faults_by_their_lines(lines):
    count, faults = lines_of(lines)
    said = [number for number, line in enumerate(lines, 1) if line.strip()]
    assert faults == [number for number in said if lines[number - 1] not in FILE]
    assert count == (0 if faults else len(said))


def test_no_row_of_facts_is_ever_changed(office):
    (wrong,) = state(office, told("order", on="2026-03-01")).added
    with office.ledger.reading() as connection:
        before = connection.execute(select(fact)).all()
    state(office, told("order", on="2026-03-02", replaces=wrong))
    state(office, *papers())
    with office.ledger.reading() as connection:
        after = connection.execute(select(fact).order_by(fact.c.id)).all()
    assert after[: len(before)] == before
