"""A case of a file: whose facts, and what is asked of them."""

from __future__ import annotations

from typing import NamedTuple, cast

from backend.billing.case_facts import parse_facts, parse_locks, parse_program, parse_zones
from backend.billing.case_readings import parse_device, parse_entry, parse_reading, parse_visit
from backend.billing.facts import Category, Facts, Question
from backend.billing.node import Node

CATEGORIES = ("resp", "msk", "cbt", "other")
MOST_PERIODS = 1200  # a hundred years: no sum of dates overflows


class Case(NamedTuple):
    """What is known, and what is asked."""

    id: str
    facts: Facts
    question: Question


def parse_case(node: Node) -> Case:
    """The case. Raises CaseFault for the first thing in it that is not as it should be."""
    name, zones, program = node.need("id").text(), parse_zones(node), parse_program(node)
    category = node.need("rtm_category").word(CATEGORIES) if program == "RTM" else None
    question = _parse_question(node)
    listed = dict(node.need("devices").entries())
    kinds = {name: kind.text() for name, one in listed.items() if (kind := one.at("kind"))}
    entries = [parse_entry(one, program) for one in _items(node, "management")]
    stated = node.need("facts")
    for place in (node, stated):
        entries += [parse_visit(one) for one in _items(place, "visits", "em_visits")]
    fields = parse_facts(stated, zones, question.period)
    fields["locks"] += tuple(parse_locks(node, zones, question.period))
    facts = Facts(
        program=program,
        category=cast("Category | None", category),
        zones=zones,
        devices={name: parse_device(one, zones) for name, one in listed.items()},
        readings=tuple(parse_reading(one, kinds) for one in _items(node, "events")),
        time_entries=tuple(entries),
        **fields,
    )
    return Case(name, facts, question)


def _parse_question(node: Node) -> Question:
    asked = node.need("evaluate")
    period, month = asked.at("period"), asked.at("month")
    return Question(
        period=period.whole(1, MOST_PERIODS) if period else 1,
        month=month.month() if month else None,
        as_of=node.need("as_of").instant(),
    )


def _items(node: Node, *names: str) -> list[Node]:
    found = node.at(*names)
    return list(found.items()) if found else []
