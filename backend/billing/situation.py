"""What the judgements of all codes share: one patient, one period, perhaps one month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from backend.billing.facts import Facts, Question
from backend.billing.periods import Period
from backend.billing.policy import Policy
from backend.billing.reasons import Block, Reason
from backend.billing.rule_sets import ProgramRules, RuleSet, RuleSets, SupplyRule
from backend.billing.sifting import Sifted, sift
from backend.billing.zones import ONE_DAY


class Dates(NamedTuple):
    """From a civil date to another, both included."""

    first: date
    last: date


class Situation(NamedTuple):
    """One question about one patient's facts, with the readings sifted."""

    facts: Facts
    question: Question
    policy: Policy
    rule_sets: RuleSets
    sifted: Sifted
    period: Period | None
    month: Dates | None

    @property
    def days(self) -> list[date]:
        """The qualifying days of the period."""
        number = self.question.period
        return sorted({one.day for one in self.sifted.counted if one.number == number})

    @property
    def rules_in_force(self) -> RuleSet | None:
        """The set of the period's date of service; with no period, of the day of asking."""
        day = self.period.last if self.period else today(self.facts, self.question.as_of)
        return self.rule_sets.on(day)

    @property
    def rules(self) -> RuleSet:
        """The same, or the last set known: for the names of codes, where none is signed."""
        return self.rules_in_force or self.rule_sets.sets[-1]

    @property
    def program(self) -> ProgramRules:
        """The programme's codes."""
        return self.rules.programs[self.facts.program]

    @property
    def supply(self) -> tuple[SupplyRule, ...]:
        """The supply codes of the patient's category."""
        return self.program.supply[supply_category(self.facts, self.policy)]

    @property
    def hull(self) -> Dates | None:
        """From the earlier of period and month to the end of the later one."""
        spans = [self.month] if self.month else []
        spans += [Dates(self.period.first, self.period.last)] if self.period else []
        if not spans:
            return None
        return Dates(min(span.first for span in spans), max(span.last for span in spans))

    def root(self, least: int) -> Reason:
        """Why there are too few days: the reason that excluded every reading, or the number."""
        return self.sifted.only_reason or Block(f"DAYS_BELOW_{least}")


def situate(facts: Facts, question: Question, policy: Policy, rule_sets: RuleSets) -> Situation:
    """Sift the readings and find the period and the month that are asked for."""
    rules = rule_sets.nearest(today(facts, question.as_of)).programs[facts.program]
    sifted = sift(facts, question.as_of, policy, _kinds(facts, policy, rules))
    period = sifted.periods.number(question.period) if sifted.periods else None
    month = month_of(question.month) if question.month else None
    return Situation(facts, question, policy, rule_sets, sifted, period, month)


def today(facts: Facts, as_of: datetime) -> date:
    """The civil date where the patient lives."""
    return facts.zones.date_at(as_of)


def month_of(day: date) -> Dates:
    """The calendar month of a date."""
    first = day.replace(day=1)
    following = (first.replace(day=28) + 4 * ONE_DAY).replace(day=1)
    return Dates(first, following - ONE_DAY)


def supply_category(facts: Facts, policy: Policy) -> str:
    """The category whose supply codes stand: the patient's, unless AMB-10 is read otherwise."""
    if facts.category == "other" and policy.adherence != "no_supply_code":
        return policy.adherence
    return facts.category or ""


def _kinds(facts: Facts, policy: Policy, rules: ProgramRules) -> Iterable[str]:
    is_mixed = facts.category is not None and facts.category == policy.adherence
    return rules.kinds["other" if is_mixed else facts.category or ""]
