"""Rule sets that came after this version: loaded, and in force once a person has signed them."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from backend.billing.published import PUBLISHED
from backend.billing.rule_sets import RuleSet, RuleSets
from backend.ledger import rule_set, rule_signature


def load_rule_sets(connection: Connection, until_ms: int | None = None) -> RuleSets:
    """The published sets, and those that somebody had signed by an instant, which come first."""
    signed = select(rule_signature.c.hash)
    if until_ms is not None:
        signed = signed.where(rule_signature.c.at_ms <= until_ms)
    rows = connection.scalars(
        select(rule_set.c.body).where(rule_set.c.hash.in_(signed)).order_by(rule_set.c.at_ms)
    ).all()
    if not rows:
        return PUBLISHED
    return RuleSets((*PUBLISHED.sets, *(msgspec.json.decode(row, type=RuleSet) for row in rows)))
