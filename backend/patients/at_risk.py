"""What of a patient's present period and month can still be saved, by whom, and until when.

Nothing is guessed: what would save a code is added to the facts, and the rules are asked again as
of the end. What they would block all the same is not listed, and nothing of it is ever stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from backend.billing.facts import Facts, Question, Reading, TimeEntry
from backend.billing.management import month_zone
from backend.billing.periods import LENGTH
from backend.billing.policy import DEFAULT
from backend.billing.reasons import Block, Exclusion, Reason
from backend.billing.rule_sets import ProgramRules
from backend.billing.situation import Situation, situate
from backend.billing.verdict import Verdict, judge
from backend.billing.zones import ONE_DAY, midnight
from backend.patients.at_risk_papers import CURES
from backend.patients.examine import Asked, Examined, examine
from backend.tables import fact

FIRST_LOOK = 10  # days of a period, before which nobody is troubled for its days
SHORT = 2
LAST_DAYS = 5  # of a month, in which minutes are asked for
FEW_MINUTES = 3  # short of a threshold; whoever lacks more has no contact to finish
PAPER_DAYS = 31


What = Literal["days", "minutes", "live-contact", "paper"]
Who = Literal["patient", "staff", "practice"]


class Hope(NamedTuple):
    """What somebody could do, and the codes that it would gain."""

    what: What
    who: Who
    needed: int
    until: date
    codes: tuple[str, ...]
    words: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody can still do; `until` is the last date on which it helps."""

    patient: str
    episode: int
    what: What
    who: Who
    needed: int
    until: date
    codes: tuple[str, ...]
    words: str


def find_all(connection: Connection, as_of: datetime) -> list[Item]:
    """What can be saved of every patient with an episode."""
    patients = select(fact.c.patient).where(fact.c.kind == "episode").distinct()
    names = connection.scalars(patients.order_by(fact.c.patient)).all()
    return [item for name in names for item in find_items(connection, name, as_of)]


def find_items(connection: Connection, patient: str, as_of: datetime) -> list[Item]:
    """What can be saved of a patient. Raises PatientUnknown, EpisodeUnknown."""
    found = examine(connection, Asked(patient, is_month_latest=True), as_of=as_of)
    hopes = _Hopes(found)
    return [
        Item(patient=patient, episode=found.course.number, **hope._asdict())
        for hope in (*hopes.papers(), *hopes.days(), *hopes.minutes())
        if hope.codes
    ]


class _Hopes:
    """Asks the rules what would be, if more had happened by the end."""

    def __init__(self, found: Examined) -> None:
        self._found = found
        self._now = found.question.as_of
        self._end = found.course.episode.end or date.max

    def days(self) -> Iterator[Hope]:
        """Readings that the present period still needs."""
        period, days = self._found.verdict.period, self._found.verdict.days
        if period is None or self._now >= period.ends:
            return
        today = self._now.astimezone(period.zone).date()
        elapsed = (today - period.first).days + 1
        rules = self._rules_on(period.last)
        if elapsed < FIRST_LOOK or rules is None:
            return
        added = self._readings(today, min(period.last, self._end), period.zone)
        full = self._ask(period.ends, added.values()).days
        reachable = [day for day in added if day in full and day not in days]
        without = self._ask(period.ends)
        for target in sorted(_day_counts(rules)):
            needed = target - len(days)
            is_trending = len(days) * LENGTH < target * elapsed
            if 0 < needed <= len(reachable) and (target <= SHORT or is_trending):
                hoped = self._ask(period.ends, [added[day] for day in reachable[:needed]])
                words = f"Measure on {needed} more days; {len(reachable)} are left."
                until = reachable[-needed]
                yield Hope("days", "patient", needed, until, _gained(hoped, without), words)

    def minutes(self) -> Iterator[Hope]:
        """Minutes and live talk that the present month still needs."""
        month = self._found.verdict.month
        if month is None:
            return
        zone = month_zone(self._situation(self._found.facts), month)
        today = self._now.astimezone(zone).date()
        rules = self._rules_on(month.last)
        ends = midnight(month.last + ONE_DAY, zone)
        if not 0 <= (month.last - today).days < LAST_DAYS or rules is None:
            return
        without = self._ask(ends)
        spent = without.management_minutes or 0
        lacking = [least - spent for least in _minute_counts(rules, spent) if least > spent]
        if lacking and min(lacking) <= FEW_MINUTES:
            needed = min(lacking)
            hoped = self._ask(ends, entries=[self._call(needed)])
            words = f"Spend {needed} more minutes, with live talk where there was none."
            gained = _gained(hoped, without)
            yield Hope("minutes", "staff", needed, month.last, gained, words)
        mute = {c.code for c in without.codes if c.reason == Block.NO_INTERACTIVE_COMMUNICATION}
        if mute:
            hoped = self._ask(ends, entries=[self._call(1)])
            gained = tuple(code for code in _gained(hoped, without) if code in mute)
            words = "Talk live with the patient or a caregiver."
            yield Hope("live-contact", "staff", 1, month.last, gained, words)

    def papers(self) -> Iterator[Hope]:
        """Papers that block codes, and that can still be brought."""
        facts, zone = self._found.facts, self._found.facts.zones.at(self._now)
        today = self._now.astimezone(zone).date()
        end = today + 2 * timedelta(days=PAPER_DAYS)
        hoped = self._hope(facts, today, zone)
        cured: list[Reason] = []
        while reason := next((why for why in _reasons(hoped) if why not in cured), None):
            cured.append(reason)
            facts = CURES[reason].apply(facts, today)
            hoped = self._hope(facts, today, zone)
        left = set(_reasons(hoped))
        gained = tuple(code.code for code in hoped.billable)
        until = hoped.period.last if hoped.period else end
        for reason in cured:
            if reason not in left and until <= self._end:
                words = CURES[reason].words
                yield Hope("paper", "practice", 1, until, gained, f"{reason}: {words}")

    def _hope(self, facts: Facts, today: date, zone: tzinfo) -> Verdict:
        """The period of tomorrow, with a reading on each of the next days."""
        end = min(today + timedelta(days=PAPER_DAYS), self._end)
        added = self._readings(today, end, zone, facts)
        facts = _with(facts, added.values())
        as_of = midnight(today + 2 * timedelta(days=PAPER_DAYS), zone)
        periods = self._situation(facts, as_of).sifted.periods
        number = max(1, periods.number_of(today + ONE_DAY)) if periods else 1
        question = Question(period=number, as_of=as_of)
        return judge(facts, question, DEFAULT, self._found.rule_sets)

    def _ask(
        self,
        as_of: datetime,
        readings: Iterable[Reading] = (),
        entries: Iterable[TimeEntry] = (),
    ) -> Verdict:
        facts = _with(self._found.facts, readings, entries)
        question = msgspec.structs.replace(self._found.question, as_of=as_of)
        return judge(facts, question, DEFAULT, self._found.rule_sets)

    def _readings(
        self, first: date, last: date, zone: tzinfo, facts: Facts | None = None
    ) -> dict[date, Reading]:
        """A reading at noon of each date, as the newest one that counts, or could."""
        sifted = self._situation(facts or self._found.facts).sifted
        known = [one.reading for one in sifted.counted]
        known += [one for one, why in sifted.excluded if why == Exclusion.BEFORE_START]
        model = max(known, key=_received, default=None)
        if model is None:
            return {}
        days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
        return {day: _at_noon(model, day, zone) for day in days}

    def _call(self, minutes: int) -> TimeEntry:
        return TimeEntry(
            start=self._now,
            end=self._now + timedelta(minutes=minutes),
            person="",
            is_qhp=True,
            purpose="management",
            is_interactive=True,
            modality="phone",
            party="patient",
        )

    def _situation(self, facts: Facts, as_of: datetime | None = None) -> Situation:
        question = Question(period=1, as_of=as_of or self._now)
        return situate(facts, question, DEFAULT, self._found.rule_sets)

    def _rules_on(self, day: date) -> ProgramRules | None:
        rules = self._found.rule_sets.on(day)
        return rules.programs[self._found.facts.program] if rules else None


def _reasons(verdict: Verdict) -> Iterator[Reason]:
    """Those for which somebody can bring a paper."""
    return (code.reason for code in verdict.blocked if code.reason and code.reason in CURES)


def _day_counts(rules: ProgramRules) -> set[int]:
    supply = {rule.least for of in rules.supply.values() for rule in of if rule.is_in_force}
    return supply | {rules.setup.least}


def _minute_counts(rules: ProgramRules, spent: int) -> Iterator[int]:
    for rule in rules.management:
        if rule.is_in_force:
            yield rule.least
            if rule.each and spent >= rule.least:
                yield rule.least + ((spent - rule.least) // rule.each + 1) * rule.each


def _gained(hoped: Verdict, without: Verdict) -> tuple[str, ...]:
    """The codes that are billable with it and not without, or more often."""
    before = {code.code: code.units for code in without.billable}
    return tuple(code.code for code in hoped.billable if code.units > before.get(code.code, 0))


def _with(facts: Facts, readings: Iterable[Reading], entries: Iterable[TimeEntry] = ()) -> Facts:
    return msgspec.structs.replace(
        facts,
        readings=(*facts.readings, *readings),
        time_entries=(*facts.time_entries, *entries),
    )


def _received(reading: Reading) -> datetime:
    assert reading.received is not None, "the ledger knows when it received a reading"
    return reading.received


def _at_noon(model: Reading, day: date, zone: tzinfo) -> Reading:
    at = datetime.combine(day, time(12), zone)
    offset = at.utcoffset()
    assert offset is not None
    at = at.astimezone(timezone(offset))
    return msgspec.structs.replace(
        model, identity=f"hoped:{day}", clock="known", measured=(at, at), received=at
    )
