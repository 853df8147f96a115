"""A patient's two clocks side by side: the 30-day periods, and the minutes of calendar months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from backend.billing.facts import Facts, Question, Reading
from backend.billing.management import spend
from backend.billing.periods import Period, Periods
from backend.billing.policy import DEFAULT
from backend.billing.reasons import Exclusion
from backend.billing.situation import Situation, month_of, situate, today
from backend.billing.zones import ONE_DAY, ZoneSince
from backend.facts.rule_rows import load_rule_sets
from backend.patients.basis import load_basis, load_recurring
from backend.patients.examine import number_of
from backend.utc import as_ms


class GridDay(NamedTuple):
    """A date of a period, how many readings count on it, and how many do not, by reason."""

    date: date
    counted: int
    excluded: Mapping[Exclusion, int]


class GridPeriod(NamedTuple):
    """A period and its thirty dates."""

    period: Period
    days: Sequence[GridDay]

    @property
    def qualifying_days(self) -> int:
        """On how many of them a reading counts."""
        return sum(day.counted > 0 for day in self.days)


class Seam(NamedTuple):
    """The patient moved: between two periods lie hours of neither, or of the earlier one alone."""

    after: int
    begins: datetime
    ends: datetime
    is_gap: bool


class Uncounted(NamedTuple):
    """A reading that counts in no period, why, and the period that it is shown with."""

    reading: Reading
    reason: Exclusion
    shown: date
    period: int | None


class Grid(NamedTuple):
    """All that; `late` is what came after a lock, which `uncounted` has not."""

    periods: Sequence[GridPeriod]
    minutes: Mapping[date, int]
    moves: Sequence[ZoneSince]
    seams: Sequence[Seam]
    uncounted: Sequence[Uncounted]
    late: Sequence[Uncounted]


def load_grid(connection: Connection, patient: str, month: date | None, as_of: datetime) -> Grid:
    """Of the last episode, all periods or those that touch a month.

    Raises PatientUnknown, EpisodeUnknown.
    """
    basis = load_basis(connection, patient, None, as_ms(as_of))
    facts = basis.complete(basis.readings.load_all(), load_recurring(connection, basis))
    rule_sets = load_rule_sets(connection, as_ms(as_of))
    situation = situate(facts, Question(period=1, as_of=as_of), DEFAULT, rule_sets)
    until = min(today(facts, as_of), basis.course.episode.end or date.max)
    return make_grid(situation, until, month)


def make_grid(situation: Situation, until: date, month: date | None = None) -> Grid:
    """The periods until a date."""
    facts, periods = situation.facts, situation.sifted.periods
    listed = list(_list_periods(periods, until, month))
    left = [_uncounted(reading, why, facts, periods) for reading, why in situation.sifted.excluded]
    if month:
        wanted = month_of(month)
        shown = {one.number for one in listed}
        left = [
            one for one in left if one.period in shown or wanted.first <= one.shown <= wanted.last
        ]
    left.sort(key=lambda one: (one.shown, one.reading.identity))
    months = {month_of(day).first for one in listed for day in (one.first, one.last)}
    months |= {month_of(entry.start.date()).first for entry in facts.time_entries}
    months = {month_of(month).first} if month else months
    counted = Counter(one.day for one in situation.sifted.counted)
    return Grid(
        [_fill(one, counted, left) for one in listed],
        {first: spend(situation, month_of(first)).minutes for first in sorted(months)},
        facts.zones.rows,
        list(_find_seams(listed, periods)),
        [one for one in left if one.reason != Exclusion.LATE_AFTER_LOCK],
        [one for one in left if one.reason == Exclusion.LATE_AFTER_LOCK],
    )


def _list_periods(periods: Periods | None, until: date, month: date | None) -> Iterator[Period]:
    if periods is None:
        return
    for number in range(1, periods.number_of(until) + 1):
        period = periods.number(number)
        wanted = month_of(month) if month else None
        if wanted is None or (period.first <= wanted.last and wanted.first <= period.last):
            yield period


def _uncounted(
    reading: Reading, reason: Exclusion, facts: Facts, periods: Periods | None
) -> Uncounted:
    at = reading.measured[0] if reading.measured else reading.received
    assert at is not None, "the ledger knows when it received a reading"
    shown = facts.zones.date_at(at)
    number = number_of(reading, facts, periods.number(1)) if periods else None
    return Uncounted(
        reading, reason, shown, None if reason == Exclusion.BETWEEN_PERIODS else number
    )


def _fill(period: Period, counted: Mapping[date, int], left: Sequence[Uncounted]) -> GridPeriod:
    days = [period.first + n * ONE_DAY for n in range((period.last - period.first).days + 1)]
    return GridPeriod(
        period,
        [
            GridDay(
                day,
                counted.get(day, 0),
                Counter(
                    one.reason for one in left if one.shown == day and one.period == period.number
                ),
            )
            for day in days
        ],
    )


def _find_seams(listed: Sequence[Period], periods: Periods | None) -> Iterator[Seam]:
    for period in listed:
        assert periods is not None, "a period is one of them"
        following = periods.number(period.number + 1)
        if following in listed and following.begins != period.ends:
            is_gap = period.ends < following.begins
            begins, ends = sorted((period.ends, following.begins))
            yield Seam(period.number, begins, ends, is_gap)
