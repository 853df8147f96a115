"""A patient of the ledger before the rules: all facts, or as many as one verdict needs.

The cost of a verdict does not grow with the months behind it: `backend.patients.window`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from backend.billing.facts import Facts, Question, Reading
from backend.billing.periods import LENGTH, Period
from backend.billing.policy import DEFAULT, Policy
from backend.billing.rule_sets import RuleSets
from backend.billing.situation import today
from backend.billing.verdict import Verdict, judge_every_way
from backend.facts.rule_rows import load_rule_sets
from backend.patients.basis import load_basis, load_recurring
from backend.patients.courses import Course
from backend.patients.held import hold_verdict
from backend.patients.window import Window
from backend.utc import as_ms


def load_facts(
    connection: Connection,
    patient: str,
    episode: int | None = None,
    *,
    as_of: datetime | None = None,
) -> Facts:
    """All that is known of an episode, the last one where none is named; or was at an instant.

    Raises PatientUnknown, EpisodeUnknown.
    """
    basis = load_basis(connection, patient, episode, None if as_of is None else as_ms(as_of))
    return basis.complete(basis.readings.load_all(), load_recurring(connection, basis))


class Examined(NamedTuple):
    """A verdict, with what it was found from."""

    verdict: Verdict
    facts: Facts
    question: Question
    course: Course
    rule_sets: RuleSets


def judge_patient(  # noqa: PLR0913  one for each part of the question
    connection: Connection,
    patient: str,
    period: int | None,
    month: date | None,
    policy: Policy = DEFAULT,
    *,
    as_of: datetime,
    episode: int | None = None,
) -> Verdict:
    """The verdict by what was known at an instant; without a period, on the one of that instant.

    It lists the readings of that period; what lies before the first period is listed with it.
    Raises PatientUnknown, EpisodeUnknown.
    """
    asked = Asked(patient, episode, period, month)
    return examine(connection, asked, policy, as_of=as_of).verdict


class Asked(NamedTuple):
    """What is asked of a patient; left out: the last episode, the present period, no month."""

    patient: str
    episode: int | None = None
    period: int | None = None
    month: date | None = None
    is_month_latest: bool = False  # the month in which the period, as far as it has come, ends


def examine(
    connection: Connection, asked: Asked, policy: Policy = DEFAULT, *, as_of: datetime
) -> Examined:
    """As `judge_patient`. Raises PatientUnknown, EpisodeUnknown."""
    until_ms = as_ms(as_of)
    basis = load_basis(connection, asked.patient, asked.episode, until_ms)
    rule_sets = load_rule_sets(connection, until_ms)
    window = Window(connection, basis, policy, rule_sets)
    opened = window.open(as_of)
    periods = window.find_periods(opened, as_of)
    day = min(today(basis.facts, as_of), basis.course.episode.end or date.max)
    number = asked.period
    if number is None:
        number = max(1, periods.number_of(day)) if periods else 1
    month = asked.month
    if month is None and asked.is_month_latest:
        month = min(day, periods.number(number).last) if periods else day
    question = Question(period=number, month=month, as_of=as_of)
    facts = window.load(opened, question)
    verdict = _of_period(judge_every_way(facts, question, policy, rule_sets), facts)
    verdict = hold_verdict(connection, asked.patient, verdict)
    return Examined(verdict, facts, question, basis.course, rule_sets)


def _of_period(verdict: Verdict, facts: Facts) -> Verdict:
    """The same with the readings of its period alone."""
    period = verdict.period
    if period is None:
        return verdict
    readings = {reading.identity: reading for reading in facts.readings}
    return msgspec.structs.replace(
        verdict,
        counted=tuple(one for one in verdict.counted if one.number == period.number),
        excluded=tuple(
            (identity, why)
            for identity, why in verdict.excluded
            if number_of(readings[identity], facts, period) == period.number
        ),
    )


def number_of(reading: Reading, facts: Facts, period: Period) -> int:
    """The period that a reading is listed with, counting from another one."""
    at = reading.measured[0] if reading.measured else reading.received
    assert at is not None, "the ledger knows when it received a reading"
    day = facts.zones.date_at(at)
    return max(1, period.number + (day - period.first).days // LENGTH)
