import pytest
from sqlalchemy import delete, update

from backend import tables
from tests.backend.office import DAY, HOUR, START, frame, naive
from tests.backend.stating import papers, state, told


@pytest.fixture
def office(office):
    office.assign()
    (wrong,) = state(office, told("order", on="2026-03-02")).added
    state(office, *papers(), told("withdrawal", replaces=wrong))
    hub = office.enroll().begin(START)
    hub.describe(START)
    # One is judged twice: by its receipt, and by a clock that is read later.
    hub.measure(START + HOUR, frame(naive(START + DAY)), live=False)
    office.take(hub, hub.key_record, hub.run(1, 2))
    hub.clock(START + 2 * HOUR, naive(START + DAY + HOUR))
    hub.measure(START + 2 * HOUR, frame(naive(START + DAY + HOUR)))
    office.take(hub, hub.run(3))
    return office


def change(office, statement):
    with office.ledger.writing() as connection:
        connection.execute(statement)
    return [problem.partition(":")[2].strip() for problem in office.verify().problems]


def test_facts_and_ranges_as_they_were_entered_are_no_problem(office):
    assert office.verify().problems == []
    assert office.count(tables.measured) == office.count(tables.judgement) == 3


@pytest.mark.parametrize("values", [{"actor": "dr-9"}, {"body": {"on": "2026-03-05"}}])
def test_a_fact_that_was_changed_by_hand_is_named(office, values):
    changed = update(tables.fact).where(tables.fact.c.id == 1).values(values)
    assert change(office, changed) == ["it is not what was entered"]


def test_a_judgement_that_no_verdict_would_find_is_named(office):
    gone = delete(tables.measured).where(tables.measured.c.n == 2)
    assert change(office, gone) == ["no verdict would find it where it belongs"]
    moved = update(tables.measured).values(from_ms=tables.measured.c.from_ms + DAY)
    assert len(change(office, moved)) == 5
