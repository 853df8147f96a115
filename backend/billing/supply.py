"""Set-up and device supply: the codes that are earned by qualifying days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from backend.billing.facts import Facts
from backend.billing.policy import Policy
from backend.billing.reasons import Block, Reason
from backend.billing.rule_sets import ProgramRules, SetupRule, SupplyRule
from backend.billing.situation import Situation, supply_category

NO_CODE = "RTM device supply"


def judge_devices(
    situation: Situation, block: Block | None
) -> Iterator[tuple[str, str, Reason | None]]:
    """Each candidate with its row of the rule table, and why it is blocked; none if it is not."""
    rules = situation.program
    setup = rules.setup
    yield setup.code, setup.row, block or _why_no_setup(situation, setup)
    for rule in situation.supply:
        yield rule.code, rule.row, block or _why_no_supply(situation, rule)
    if not situation.supply:
        yield NO_CODE, "1d", Block.NO_SUPPLY_CODE


def _why_neither(situation: Situation) -> Block | None:
    if situation.rules_in_force is None:
        return Block.RULESET_UNVERIFIED
    period = situation.period
    is_glucose_paid = period and any(
        span.meets(period.first, period.last) for span in situation.facts.glucose_claims
    )
    if situation.facts.program == "RPM" and is_glucose_paid:
        return Block.CGM_95250_OVERLAP  # R-CGM
    return None


def _why_no_setup(  # noqa: PLR0911  one reason a line
    situation: Situation, rule: SetupRule
) -> Reason | None:
    facts, policy, days = situation.facts, situation.policy, len(situation.days)
    if block := _why_neither(situation):
        return block
    if any(not _is_of_earlier(facts, dos) for dos in facts.setup_claims):
        return Block.ALREADY_BILLED_EPISODE  # R-SET-1
    if not facts.setup or not facts.setup.is_educated:
        return Block.NO_SETUP_EDUCATION  # R-SET-1
    if situation.question.period != 1:
        return Block.NOT_FIRST_PERIOD
    fewest = min(rule.least, *rule.unsettled, _least(rule, policy))
    if situation.period is None:
        return situation.root(fewest)
    if is_open(situation):
        return Block.PERIOD_OPEN
    if days < fewest:
        return situation.root(fewest)
    if days < _least(rule, policy):
        return Block.SETUP_MIN_UNCONFIRMED  # AMB-4, AMB-22
    return _spans(situation, is_met=lambda rules: days >= _least(rules.setup, policy))


def _why_no_supply(  # noqa: PLR0911  one reason a line
    situation: Situation, rule: SupplyRule
) -> Reason | None:
    days = len(situation.days)
    if block := _why_neither(situation):
        return block
    if not rule.is_in_force:
        return Block.CODE_NOT_EFFECTIVE
    if situation.period is None:
        return situation.root(rule.least)
    if is_open(situation):
        return Block.PERIOD_OPEN
    if days < rule.least:
        return situation.root(rule.least)
    if days > rule.most:
        return Block.USE_16_30_CODE  # R-DEV-X
    category = supply_category(situation.facts, situation.policy)

    def is_met(rules: ProgramRules) -> bool:
        of_year = [one for one in rules.supply[category] if one.code == rule.code]
        return any(one.is_in_force and one.least <= days <= one.most for one in of_year)

    return _spans(situation, is_met=is_met)


def is_open(situation: Situation) -> bool:
    """Whether the period has not ended where the patient lives (R-PER-4, AMB-6)."""
    assert situation.period is not None
    return situation.policy.billed_when == "closed" and (
        situation.question.as_of < situation.period.ends
    )


def _is_of_earlier(facts: Facts, dos: date | None) -> bool:
    """Whether a claim belongs to an earlier episode; one of unknown date does not."""
    return dos is not None and facts.episode_start is not None and dos < facts.episode_start


def _least(rule: SetupRule, policy: Policy) -> int:
    if policy.setup_min_2026 == "by_programme" or not rule.unsettled:
        return rule.least
    return int(policy.setup_min_2026)


def _spans(situation: Situation, *, is_met: Callable[[ProgramRules], bool]) -> Block | None:
    """What is met on the date of service must be met by the rules of the first date too (R-EFF)."""
    assert situation.period is not None
    first = situation.rule_sets.on(situation.period.first)
    if situation.policy.span == "dos" or first is situation.rules_in_force:
        return None
    is_met_before = first is not None and is_met(first.programs[situation.facts.program])
    return None if is_met_before else Block.SPANS_RULE_CHANGE
