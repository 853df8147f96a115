"""What a dated rule set holds, its hash, and which one is in force on a date of service."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One code's condition, and the `row` of the rule table that states it."""

    code: str
    row: str
    is_in_force: bool = True


class SetupRule(Rule, frozen=True, kw_only=True):
    """Qualifying days that set-up needs in the first period; `unsettled` lists other readings."""

    least: int
    unsettled: tuple[int, ...] = ()


class SupplyRule(Rule, frozen=True, kw_only=True):
    """Qualifying days, from least to most, that a period of device supply needs."""

    least: int
    most: int


class TimeRule(Rule, frozen=True, kw_only=True):
    """Minutes of a month. From `below` on another code takes its place; `each` further: units."""

    least: int
    below: int | None = None
    each: int | None = None


class ProfessionalRule(Rule, frozen=True, kw_only=True):
    """Minutes of a qualified professional in a 30-day period, never beside the codes `not_with`."""

    least: int
    not_with: tuple[str, ...]


class ProgramRules(msgspec.Struct, frozen=True, kw_only=True):
    """A programme's codes; `supply` by category, whose name is empty where there is none."""

    setup: SetupRule
    supply: dict[str, tuple[SupplyRule, ...]]
    management: tuple[TimeRule, ...]
    professional: ProfessionalRule | None = None
    billers: tuple[str, ...]
    kinds: dict[str, tuple[str, ...]]


class PayerRule(msgspec.Struct, frozen=True, kw_only=True):
    """A payer by the start of its name: whether it pays, and if only some conditions, which."""

    name: str
    row: str
    match: Literal["whole", "start"] = "whole"
    conditions: tuple[str, ...] = ()


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for dates of service from first to last, both included; open where none."""

    id: str
    version: int
    first: date | None
    last: date | None
    programs: dict[str, ProgramRules]
    payers: tuple[PayerRule, ...]
    live_modalities: tuple[str, ...]
    live_parties: tuple[str, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over the whole set, as JSON with sorted keys."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    def covers(self, day: date) -> bool:
        """Whether it is in force on a date of service."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class RuleSets:
    """All the sets that are signed, oldest first, and the hash of each by its id."""

    def __init__(self, sets: Sequence[RuleSet]) -> None:
        self.sets = tuple(sets)
        self.hashes = {known.id: known.hash for known in sets}

    def on(self, day: date) -> RuleSet | None:
        """The set in force on a date of service; none is RULESET_UNVERIFIED."""
        return next((known for known in reversed(self.sets) if known.covers(day)), None)

    def nearest(self, day: date) -> RuleSet:
        """The set in force, or the last one: for what names no date, as the list of codes."""
        return self.on(day) or self.sets[-1]
