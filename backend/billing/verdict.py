"""The verdict: every candidate code billable or blocked, every reading counted or excluded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import msgspec

from backend.billing.eligibility import find_block
from backend.billing.facts import Facts, Question
from backend.billing.management import Spent, judge_management, judge_professional, spend
from backend.billing.periods import Period
from backend.billing.policy import AMBIGUITIES, DEFAULT, Policy, alternatives
from backend.billing.published import PUBLISHED
from backend.billing.reasons import ROWS, Exclusion, Reason
from backend.billing.rule_sets import RuleSet, RuleSets
from backend.billing.sifting import Counted
from backend.billing.situation import Dates, Situation, situate
from backend.billing.supply import judge_devices

PAYER_EDIT_UNITS = 2  # R-MGT-ADD: payers are known to question more


class Code(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate code: billable with units and date of service, or blocked for a reason.

    `row` is the row of the rule table that earns or blocks it, `rule_set` the set judged under.
    """

    code: str
    row: str
    rule_set: str | None
    units: int = 0
    dos: date | None = None
    reason: Reason | None = None
    warning: str | None = None


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """What another reading of an unsettled rule would give in place of this verdict."""

    ambiguities: tuple[str, ...]
    switch: str
    value: str
    qualifying_days: int
    billable: tuple[tuple[str, int, date], ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for a period, and a month where one was asked for.

    `rule_sets` has the hash of each set named by a code.
    """

    period: Period | None
    month: Dates | None
    days: tuple[date, ...]
    management_minutes: int | None
    codes: tuple[Code, ...]
    counted: tuple[Counted, ...]
    excluded: tuple[tuple[str, Exclusion], ...]
    policy: Policy
    rule_sets: dict[str, str]
    flags: tuple[Flag, ...] = ()

    @property
    def billable(self) -> tuple[Code, ...]:
        """The codes that may be billed."""
        return tuple(code for code in self.codes if code.reason is None)

    @property
    def blocked(self) -> tuple[Code, ...]:
        """The codes that may not."""
        return tuple(code for code in self.codes if code.reason is not None)


def judge(
    facts: Facts, question: Question, policy: Policy = DEFAULT, rule_sets: RuleSets = PUBLISHED
) -> Verdict:
    """The verdict under one policy, without flags."""
    return judge_situation(situate(facts, question, policy, rule_sets))


def judge_situation(situation: Situation) -> Verdict:
    """The same, where the readings have been sifted already."""
    month, hashes = situation.month, situation.rule_sets.hashes
    spent = spend(situation, month) if month else None
    codes = tuple(_judge_codes(situation, spent))
    named = {code.rule_set for code in codes}
    return Verdict(
        period=situation.period,
        month=month,
        days=tuple(situation.days),
        management_minutes=spent.minutes if spent else None,
        codes=codes,
        counted=tuple(situation.sifted.counted),
        excluded=tuple(sorted((r.identity, why) for r, why in situation.sifted.excluded)),
        policy=situation.policy,
        rule_sets={name: hashes[name] for name in hashes if name in named},
    )


def judge_every_way(
    facts: Facts, question: Question, policy: Policy = DEFAULT, rule_sets: RuleSets = PUBLISHED
) -> Verdict:
    """The verdict, flagged with every other reading of an unsettled rule that changes it."""
    verdict = judge(facts, question, policy, rule_sets)
    flags: list[Flag] = []
    for name, value, other_policy in alternatives(policy):
        days, billable = _result(judge(facts, question, other_policy, rule_sets))
        flag = Flag(
            ambiguities=AMBIGUITIES[name],
            switch=name,
            value=value,
            qualifying_days=days,
            billable=billable,
        )
        said = (_told(known) for known in flags)
        if (days, billable) != _result(verdict) and _told(flag) not in said:
            flags.append(flag)
    return msgspec.structs.replace(verdict, flags=tuple(flags))


def _told(flag: Flag) -> tuple[object, ...]:
    return flag.switch, flag.qualifying_days, flag.billable


def _result(verdict: Verdict) -> tuple[int, tuple[tuple[str, int, date], ...]]:
    billable = tuple((c.code, c.units, c.dos) for c in verdict.billable if c.dos)
    return len(verdict.days), billable


def _judge_codes(situation: Situation, spent: Spent | None) -> Iterator[Code]:
    """Set-up, supply, management, 99091: every candidate, in this order."""
    block = find_block(situation, is_management=False)
    time_block = find_block(situation, is_management=True)
    period, month = situation.period, situation.month
    of_period = _Service(situation.rules_in_force, period.last if period else None)
    for code, row, reason in judge_devices(situation, block):
        yield of_period.judged(code, row, reason)
    if month and spent:
        of_month = _Service(situation.rule_sets.on(month.last), month.last)
        for rule, reason, units in judge_management(situation, month, spent, time_block):
            yield of_month.judged(rule.code, rule.row, reason, units)
    rule_99091 = situation.program.professional
    if rule_99091 and any(entry.purpose == "99091" for entry in situation.facts.time_entries):
        reason = judge_professional(situation, rule_99091, time_block)
        yield of_period.judged(rule_99091.code, rule_99091.row, reason)


class _Service(NamedTuple):
    """A date of service and the rule set that is in force on it."""

    rules: RuleSet | None
    dos: date | None

    def judged(self, code: str, row: str, reason: Reason | None, units: int = 1) -> Code:
        rule_set = self.rules.id if self.rules else None
        if reason is not None:
            return Code(code=code, row=ROWS.get(reason, row), rule_set=rule_set, reason=reason)
        is_many = units > PAYER_EDIT_UNITS
        warning = "Payers are known to question so many units." if is_many else None
        return Code(
            code=code, row=row, rule_set=rule_set, units=units, dos=self.dos, warning=warning
        )
