"""As much of a patient's readings as a verdict on one period and one month needs.

The episode begins with the first reading that counts, so everything up to that is loaded, and then
what lies about the period and the month. Whatever lies between changes nothing, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Select, select, union

from backend.billing.facts import Facts, Question
from backend.billing.management import BEFORE_MONTH
from backend.billing.periods import Periods
from backend.billing.policy import Policy, alternatives
from backend.billing.rule_sets import RuleSets
from backend.billing.situation import Dates, month_of, situate
from backend.billing.zones import ONE_DAY, midnight
from backend.facts.rows import Between, Stated, as_stated, holding
from backend.patients.basis import Basis
from backend.patients.courses import ENTRY, TIMES
from backend.tables import fact, measured
from backend.utc import as_ms

PROBE = 64
MARGIN = 3 * ONE_DAY  # zones are a day apart at most, and what counts was measured within a day
ALWAYS = Between(-(2**62), 2**62)
# The switches that change which readings count; the others judge the same ones otherwise.
SIFTING = {
    "day",
    "anchor",
    "count_by",
    "before_consent",
    "adherence",
    "alert_days",
    "hospital_days",
    "self_report",
    "device",
    "missed_doses",
}


class Opened(NamedTuple):
    """The stretch of time in which the episode begins, and from when it can count its periods.

    There is one beginning for each way to read the rules.
    """

    stretch: Between
    periods: Sequence[Periods]


class Looked(NamedTuple):
    """The stretches of time that bear on a question: of readings, and of time that was spent."""

    readings: list[Between]
    times: list[Between]


class Window:
    """Loads what a question needs, under a policy and under every alternative to it."""

    def __init__(
        self, connection: Connection, basis: Basis, policy: Policy, rule_sets: RuleSets
    ) -> None:
        self._connection = connection
        self._basis = basis
        self._rule_sets = rule_sets
        self._policies = [policy]
        self._policies += [one.policy for one in alternatives(policy) if one.name in SIFTING]
        after = basis.course.after
        self._floor_ms = _begin(after) if after else ALWAYS.from_ms

    def open(self, as_of: datetime) -> Opened:
        """Find how the episode begins. Where under some reading it never does, all is looked at."""
        limit = PROBE
        while True:
            ids = self._first(limit)
            entries = self._first_entries(limit)
            facts = self._basis.complete(self._basis.readings.load(ids), entries)
            found = [self._begin(facts, policy, as_of) for policy in self._policies]
            if all(found):
                break
            if self._is_all(limit):
                return Opened(ALWAYS, [periods for one in found for periods in one])
            limit *= 4
        latest = max(periods.anchor for one in found for periods in one)
        stretch = Between(self._floor_ms, _end(latest))
        facts = self._load([stretch], [])
        found = [self._begin(facts, policy, as_of) for policy in self._policies]
        return Opened(stretch, [periods for one in found for periods in one])

    def find_periods(self, opened: Opened, as_of: datetime) -> Periods | None:
        """The periods under the policy itself; none while no reading counts."""
        facts = self._load([opened.stretch], [])
        question = Question(period=1, as_of=as_of)
        return situate(facts, question, self._policies[0], self._rule_sets).sifted.periods

    def load(self, opened: Opened, question: Question) -> Facts:
        """The facts about the period and the month."""
        return self._load(*self.look(opened, question))

    def look(self, opened: Opened, question: Question) -> Looked:
        """Where a question looks: for readings, and for the time that people spent."""
        spans = [
            Dates(period.first, period.last)
            for periods in opened.periods
            for period in (periods.number(question.period),)
        ]
        months = [month_of(day) for span in spans for day in span]
        if question.month:
            month = month_of(question.month)
            months.append(month)
            spans.append(Dates(month.first - BEFORE_MONTH, month.last))
        stretches = [opened.stretch, *map(_about, spans)]
        return Looked(unite(stretches), unite(_about(one) for one in (*spans, *months)))

    def _begin(self, facts: Facts, policy: Policy, as_of: datetime) -> list[Periods]:
        """The periods by what is known, and by what was when the first claim was locked."""
        instants = {as_of, min((as_of, *(lock.at for lock in facts.locks)))}
        found = [
            situate(facts, Question(period=1, as_of=at), policy, self._rule_sets).sifted.periods
            for at in instants
        ]
        return [periods for periods in found if periods] if all(found) else []

    def _load(self, stretches: Iterable[Between], times: Iterable[Between]) -> Facts:
        stretches = unite(stretches)
        columns = (measured.c.from_ms, measured.c.at_ms)
        rows = union(
            *(
                select(measured.c.reading).where(
                    measured.c.device.in_(list(self._basis.readings.numbers)),
                    column >= stretch.from_ms,
                    column < stretch.to_ms,
                )
                for column in columns
                for stretch in stretches
            )
        ).subquery()
        stated = {
            one.id: one
            for stretch in stretches
            for column in (fact.c.about_ms, fact.c.at_ms)
            for one in self._stated((ENTRY,), stretch, column)
        }
        for stretch in unite(times):
            found = self._stated(TIMES, stretch, fact.c.about_ms)
            stated |= {one.id: one for one in found}
        readings = self._basis.readings.load(select(rows.c.reading))
        return self._basis.complete(readings, [stated[number] for number in sorted(stated)])

    def _stated(
        self, kinds: Sequence[str], stretch: Between, column: Column[int]
    ) -> Iterator[Stated]:
        query = self._holding(kinds).where(column >= stretch.from_ms, column < stretch.to_ms)
        return map(as_stated, self._connection.execute(query))

    def _holding(self, kinds: Sequence[str]) -> Select[tuple[object, ...]]:
        of_patient = (fact.c.patient == self._basis.patient, fact.c.kind.in_(kinds))
        return holding(self._basis.until_ms).where(*of_patient)

    def _first(self, limit: int) -> Select[tuple[int]]:
        """The first readings of each device, by when they were measured and by when they came."""
        parts = [
            select(measured.c.reading)
            .where(measured.c.device == number, column >= self._floor_ms)
            .order_by(column)
            .limit(limit)
            .subquery()
            for number in self._basis.readings.numbers
            for column in (measured.c.from_ms, measured.c.at_ms)
        ]
        if not parts:
            return select(measured.c.reading).where(measured.c.device.in_([]))
        rows = union(*(select(part.c.reading) for part in parts)).subquery()
        return select(rows.c.reading)

    def _first_entries(self, limit: int) -> list[Stated]:
        found = {
            one.id: one
            for column in (fact.c.about_ms, fact.c.at_ms)
            for row in self._connection.execute(
                self._holding((ENTRY,)).order_by(column).limit(limit)
            )
            for one in (as_stated(row),)
        }
        return [found[number] for number in sorted(found)]

    def _is_all(self, limit: int) -> bool:
        """Whether no device, and nobody who enters data, has more than so many rows."""
        rows = [
            select(measured.c.reading)
            .where(measured.c.device == number, measured.c.from_ms >= self._floor_ms)
            .offset(limit)
            .limit(1)
            for number in self._basis.readings.numbers
        ]
        rows.append(self._holding((ENTRY,)).with_only_columns(fact.c.id).offset(limit).limit(1))
        return not any(self._connection.execute(query).first() for query in rows)


def unite(stretches: Iterable[Between]) -> list[Between]:
    """The same time, in stretches that do not touch."""
    united: list[Between] = []
    for stretch in sorted(stretches):
        if united and stretch.from_ms <= united[-1].to_ms:
            last = united.pop()
            united.append(Between(last.from_ms, max(last.to_ms, stretch.to_ms)))
        else:
            united.append(stretch)
    return united


def _about(span: Dates) -> Between:
    return Between(_begin(span.first), _end(span.last))


def _begin(day: date) -> int:
    """An instant before the date has begun anywhere; of a date that is none, before everything."""
    try:
        return as_ms(midnight(day, UTC) - MARGIN)
    except OverflowError:
        return ALWAYS.from_ms


def _end(day: date) -> int:
    try:
        return as_ms(midnight(day, UTC) + ONE_DAY + MARGIN)
    except OverflowError:
        return ALWAYS.to_ms
