"""Management: the codes that are earned by minutes of a calendar month, and 99091 by a period's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from backend.billing.facts import TimeEntry
from backend.billing.intervals import Interval, clip, interval, subtract, total, unite
from backend.billing.periods import LENGTH, Period
from backend.billing.policy import Policy
from backend.billing.reasons import Block, Reason
from backend.billing.rule_sets import ProfessionalRule, RuleSet, TimeRule
from backend.billing.situation import Dates, Situation, month_of
from backend.billing.supply import is_open
from backend.billing.zones import ONE_DAY, midnight

BEFORE_MONTH = 29 * ONE_DAY


class Spent(NamedTuple):
    """Whole minutes that count once, and whether live talk is among them."""

    minutes: int
    is_live: bool


def judge_management(
    situation: Situation, month: Dates, spent: Spent, block: Block | None
) -> Iterator[tuple[TimeRule, Reason | None, int]]:
    """Each management code, why it is blocked, and its units."""
    rules = situation.rule_sets.nearest(month.last)
    for rule in rules.programs[situation.facts.program].management:
        reason = block or _why_no_month(situation, month, rule, spent)
        units = (spent.minutes - rule.least) // rule.each + 1 if rule.each else 1
        yield rule, reason, units


def spend(situation: Situation, month: Dates) -> Spent:
    """The month's management time, in the practice's zone (R-MGT-MONTH, R-MGT-DOUBLE)."""
    facts, policy = situation.facts, situation.policy
    rules = situation.rule_sets.nearest(month.last)
    zone = month_zone(situation, month)
    within = _within(situation, midnight(month.first, zone), midnight(month.last + ONE_DAY, zone))
    if within is None:
        return Spent(0, is_live=False)
    by_person: dict[str, list[Interval]] = {}
    is_live = False
    entries = _touching(facts.time_entries, within)
    for entry in entries:
        if entry.purpose == "management":
            own = _own_time(entry, entries, within)
            by_person.setdefault(entry.person, []).extend(own)
            is_live |= bool(own) and _is_live(entry, rules, policy)
    if policy.staff_time == "sum":
        spent = sum(map(total, by_person.values()), timedelta())
    else:
        spent = total(own for person in by_person.values() for own in person)
    return Spent(spent // timedelta(minutes=1), is_live)


def judge_professional(
    situation: Situation, rule: ProfessionalRule, block: Block | None
) -> Reason | None:
    """Why 99091 is blocked for the period asked for; none if it is not (R-99091)."""
    rules, period = situation.rules_in_force, situation.period
    if block or rules is None:
        return block or Block.RULESET_UNVERIFIED
    if period is None:
        return Block.NO_DATA_TO_MANAGE
    if is_open(situation):
        return Block.PERIOD_OPEN
    spent = _professional_time(situation, period, is_qhp=True)
    if not spent and _professional_time(situation, period, is_qhp=False):
        return Block.NOT_QHP_TIME
    if total(spent) < timedelta(minutes=rule.least):
        return Block.MINUTES_BELOW_30
    has_conflict = situation.policy.beside_99091 == "none" and any(
        _earns(situation, month, rules, rule.not_with)
        for month in {month_of(period.first + n * ONE_DAY) for n in range(LENGTH)}
    )
    return Block.CONFLICT_99457 if has_conflict else None


def _why_no_month(  # noqa: PLR0911  one reason a line
    situation: Situation, month: Dates, rule: TimeRule, spent: Spent
) -> Reason | None:
    if situation.rule_sets.on(month.last) is None:
        return Block.RULESET_UNVERIFIED
    if not rule.is_in_force:
        return Block.CODE_NOT_EFFECTIVE
    ends = midnight(month.last + ONE_DAY, month_zone(situation, month))
    if situation.policy.billed_when == "closed" and situation.question.as_of < ends:
        return Block.MONTH_OPEN
    if situation.policy.no_data == "hold" and not _has_data(situation, month):
        return Block.NO_DATA_TO_MANAGE  # AMB-18
    if spent.minutes < rule.least:
        return Block(f"MINUTES_BELOW_{rule.least}")
    if not spent.is_live:
        return Block.NO_INTERACTIVE_COMMUNICATION  # R-MGT-LIVE
    if rule.below and spent.minutes >= rule.below:
        return Block.USE_20_MIN_CODE
    return None


def _professional_time(situation: Situation, period: Period, *, is_qhp: bool) -> list[Interval]:
    within = _within(situation, period.begins, period.ends)
    if within is None:
        return []
    entries = _touching(situation.facts.time_entries, within)
    return unite(
        own
        for entry in entries
        if entry.purpose == "99091" and entry.is_qhp == is_qhp
        for own in _own_time(entry, entries, within)
    )


def _earns(situation: Situation, month: Dates, rules: RuleSet, codes: Iterable[str]) -> bool:
    spent = spend(situation, month)
    of_codes = [r for r in rules.programs[situation.facts.program].management if r.code in codes]
    return spent.is_live and any(spent.minutes >= rule.least for rule in of_codes)


def _has_data(situation: Situation, month: Dates) -> bool:
    since = month.first - BEFORE_MONTH
    return any(since <= one.day <= month.last for one in situation.sifted.counted)


def month_zone(situation: Situation, month: Dates) -> tzinfo:
    """The zone whose midnights begin and end the month (AMB-19)."""
    home = situation.facts.zones.on(month.first)
    if situation.policy.month_zone == "patient":
        return home
    return situation.facts.practice_zone or home


def _within(situation: Situation, begins: datetime, ends: datetime) -> Interval | None:
    """What of it has come by the time of asking, as far as consent was in force (R-CONS)."""
    consent, zones = situation.facts.consent, situation.facts.zones
    if consent and situation.policy.before_consent == "excluded":
        begins = max(begins, midnight(consent.given, zones.on(consent.given)))
    if consent and consent.revoked:
        ends = min(ends, midnight(consent.revoked, zones.on(consent.revoked)))
    ends = min(ends, situation.question.as_of)
    return interval(begins, ends) if begins < ends else None


def _touching(entries: Iterable[TimeEntry], within: Interval) -> list[TimeEntry]:
    return [entry for entry in entries if entry.start < within.end and entry.end > within.start]


def _own_time(entry: TimeEntry, entries: Iterable[TimeEntry], within: Interval) -> list[Interval]:
    """What of an entry is not inside a visit, nor logged by the same person to another service."""
    elsewhere = (
        interval(other.start, other.end)
        for other in entries
        if other.purpose == "visit"
        or (other.person == entry.person and other.purpose not in {"management", entry.purpose})
    )
    return subtract(clip([interval(entry.start, entry.end)], within), elsewhere)


def _is_live(entry: TimeEntry, rules: RuleSet, policy: Policy) -> bool:
    is_spoken = policy.live_contact == "any" or entry.modality.lower() in rules.live_modalities
    return entry.is_interactive and is_spoken and entry.party.lower() in rules.live_parties
