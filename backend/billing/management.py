"""Management: the codes that are earned by minutes of a calendar month, and 99091 by a period's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta, tzinfo
from typing import NamedTuple

from backend.billing.facts import TimeEntry
from backend.billing.intervals import Interval, clip, interval, subtract, total, unite
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
    rules = situation.rule_sets.on(month.last)
    known = rules or situation.rule_sets.nearest(month.last)
    for rule in known.programs[situation.facts.program].management:
        reason = block or _why_no_month(situation, month, rule, spent)
        units = (spent.minutes - rule.least) // rule.each + 1 if rule.each else 1
        yield rule, reason, units


def spend(situation: Situation, month: Dates) -> Spent:
    """The month's management time, in the practice's zone (R-MGT-MONTH, R-MGT-DOUBLE)."""
    facts, policy = situation.facts, situation.policy
    rules = situation.rule_sets.nearest(month.last)
    within = _within(situation, month)
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
    within = Interval(period.begins, period.ends)
    entries = _touching(situation.facts.time_entries, within)
    spent = {
        is_qhp: unite(
            own
            for entry in entries
            if entry.purpose == "99091" and entry.is_qhp == is_qhp
            for own in _own_time(entry, entries, within)
        )
        for is_qhp in (True, False)
    }
    if spent[False] and not spent[True]:
        return Block.NOT_QHP_TIME
    if total(spent[True]) < timedelta(minutes=rule.least):
        return Block.MINUTES_BELOW_30
    has_conflict = situation.policy.beside_99091 == "none" and any(
        _earns(situation, month, rules, rule.not_with)
        for month in {month_of(period.first), month_of(period.last)}
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


def _within(situation: Situation, month: Dates) -> Interval | None:
    """The month as far as consent was in force (R-CONS) and the time of asking has come."""
    zone, consent = month_zone(situation, month), situation.facts.consent
    first, after = month.first, month.last + ONE_DAY
    if consent and situation.policy.before_consent == "excluded":
        first = max(first, consent.given)
    if consent and consent.revoked:
        after = min(after, consent.revoked)
    begins = midnight(first, zone)
    ends = min(midnight(after, zone), situation.question.as_of)
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
