"""What a package answers: whose period, by which policy and by what was known when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, Table

from backend.billing.facts import Facts, Question
from backend.billing.policy import Policy
from backend.billing.rule_sets import RuleSets
from backend.patients.window import Looked
from backend.utc import as_ms

FORMAT = 1

Scope = Literal["period", "episode"]
"""Which readings are in it: those that bear on the period, or all of the episode."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cover of a package: with the same ledger it gives the same package."""

    format: int = FORMAT
    patient: str
    episode: int | None = None
    period: int
    month: date | None = None
    as_of: datetime
    policy: Policy
    scope: Scope = "period"
    software: str
    made_by: str = ""

    @property
    def question(self) -> Question:
        """What the rules are asked."""
        return Question(period=self.period, month=self.month, as_of=self.as_of)

    @property
    def as_of_ms(self) -> int:
        """The same instant, in milliseconds since 1970."""
        return as_ms(self.as_of)


class Loaded(NamedTuple):
    """What the rules are asked with, and where it was looked for; none: everywhere."""

    facts: Facts
    looked: Looked | None


class Judging(NamedTuple):
    """How a ledger is asked, and its tables of what people stated.

    Of a table with a column `patient` the patient's rows travel, of another one all.
    """

    tables: Sequence[Table]
    load: Callable[[Connection, Asked], Loaded]
    load_rule_sets: Callable[[Connection, Asked], RuleSets]
