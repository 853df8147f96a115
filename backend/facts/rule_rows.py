"""Rule sets that came after this version: loaded, and in force once a person has signed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from backend.billing.published import PUBLISHED
from backend.billing.reasons import Block
from backend.billing.rule_sets import ProgramRules, RuleSet, RuleSets
from backend.errors import RuleSetRefused
from backend.tables import rule_set, rule_signature

DIGITS = 12  # of a hash, that whoever signs has to name
_MEND = "Begin from `vitalpost-backend rules list ID --json`, which has the shape."


class Signature(NamedTuple):
    """Who has put a set in force, when, and on what ground."""

    actor: str
    at_ms: int
    cause: str


class Known(NamedTuple):
    """A rule set, and how it came into force; one that is published needs no signature."""

    rules: RuleSet
    is_published: bool
    signatures: list[Signature]

    @property
    def is_in_force(self) -> bool:
        """Whether anybody may bill by it."""
        return self.is_published or bool(self.signatures)


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


def list_rule_sets(connection: Connection) -> Iterator[Known]:
    """Every set, with its signatures."""
    for published in PUBLISHED.sets:
        yield Known(published, is_published=True, signatures=[])
    of = rule_signature.c
    for row in connection.execute(select(rule_set).order_by(rule_set.c.at_ms, rule_set.c.id)):
        query = select(of.actor, of.at_ms, of.cause).where(of.hash == row.hash).order_by(of.id)
        signatures = [Signature(*signed) for signed in connection.execute(query)]
        yield Known(msgspec.json.decode(row.body, type=RuleSet), False, signatures)


def parse_rule_set(data: bytes) -> RuleSet:
    """A rule set. Raises RuleSetRefused."""
    try:
        found = msgspec.json.decode(data, type=RuleSet)
    except (ValueError, RecursionError) as error:
        raise RuleSetRefused(f"it cannot be read: {error}", _MEND) from error
    if found.first is None or found.last is None or found.last < found.first:
        raise RuleSetRefused(
            f"first: found {found.first}, last: found {found.last}, wanted two dates in order",
            "Say from which to which date of service it holds.",
        )
    for name in ("RPM", "RTM"):
        rules = found.programs.get(name)
        known = PUBLISHED.sets[-1].programs[name]
        if rules is None or not known.supply.keys() <= rules.supply.keys() & rules.kinds.keys():
            wanted = ", ".join(repr(category) for category in known.supply)
            what = f"programs.{name}: wanted supply and kinds of each category: {wanted}"
            raise RuleSetRefused(what, _MEND)
        _refuse_unnamed(name, rules)
    return found


def _refuse_unnamed(name: str, rules: ProgramRules) -> None:
    """Refuse minimums that no reason names: a verdict could not say what was missed."""
    supply = [rule.least for each in rules.supply.values() for rule in each]
    for what, found in (
        ("DAYS_BELOW", {rules.setup.least, *rules.setup.unsettled, *supply}),
        ("MINUTES_BELOW", {rule.least for rule in rules.management}),
    ):
        known = {int(one.rpartition("_")[2]) for one in Block if one.startswith(f"{what}_")}
        if unnamed := sorted(found - known):
            raise RuleSetRefused(
                f"programs.{name}: found the minimum {unnamed[0]}, for which there is no reason "
                f"{what}_{unnamed[0]}; known are {', '.join(map(str, sorted(known)))}",
                "A new minimum needs a new version of this program, which can give the reason.",
            )


def enter_rule_set(connection: Connection, found: RuleSet, actor: str, now_ms: int) -> bool:
    """Enter a set, not yet in force; whether it is new. Raises RuleSetRefused."""
    for known in list_rule_sets(connection):
        if known.rules.hash == found.hash:
            return False
        if known.rules.id == found.id:
            raise RuleSetRefused(
                f"rule set {found.id} is known with other rules, sha256 {known.rules.hash}",
                "Give it an id of its own: no set is ever changed.",
            )
    row = {"hash": found.hash, "id": found.id, "body": msgspec.json.encode(found, order="sorted")}
    connection.execute(insert(rule_set).values(row | {"actor": actor, "at_ms": now_ms}))
    return True


def sign_rule_set(connection: Connection, name: str, digest: str, signed: Signature) -> None:
    """Put a loaded set in force. Raises RuleSetRefused."""
    loaded = [one for one in list_rule_sets(connection) if not one.is_published]
    found = next((one.rules for one in loaded if one.rules.id == name), None)
    if found is None:
        names = ", ".join(one.rules.id for one in loaded) or "none"
        raise RuleSetRefused(
            f"no rule set {name!r} was loaded", f"Load it first; loaded so far: {names}."
        )
    if len(digest) < DIGITS or not found.hash.startswith(digest):
        raise RuleSetRefused(
            f"rule set {name} has sha256 {found.hash}, not {digest}",
            f"Sign what was read: name {DIGITS} digits or more of the hash that was printed.",
        )
    row = {"hash": found.hash, "actor": signed.actor, "at_ms": signed.at_ms}
    connection.execute(insert(rule_signature).values(row | {"cause": signed.cause}))
