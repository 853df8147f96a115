"""What has been stated of patients, as the ledger keeps it: rows are added, and none is changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, select

from backend.facts.kinds import KINDS, WITHDRAWAL, Kind
from backend.tables import fact

NAME_BYTES = 8


class Stated(NamedTuple):
    """A fact that holds; `name` is what a correction names it by."""

    id: int
    name: str
    kind: str
    body: Kind
    actor: str
    at_ms: int
    cause: str


class Between(NamedTuple):
    """From an instant up to another, which is no part of it."""

    from_ms: int
    to_ms: int


def load_stated(
    connection: Connection,
    patient: str,
    kinds: Collection[str],
    *,
    until_ms: int | None = None,
) -> list[Stated]:
    """What holds of these kinds, in the order of entry; by what was known until an instant."""
    query = holding(until_ms).where(fact.c.patient == patient, fact.c.kind.in_(kinds))
    return [as_stated(row) for row in connection.execute(query.order_by(fact.c.id))]


def holding(until_ms: int | None = None) -> Select[tuple[object, ...]]:
    """The facts that were known at an instant and that nothing had replaced by then."""
    later = fact.alias()
    replaced = select(later.c.id).where(later.c.replaces == fact.c.id)
    query = select(fact).where(fact.c.kind != WITHDRAWAL)
    if until_ms is not None:
        replaced = replaced.where(later.c.at_ms <= until_ms)
        query = query.where(fact.c.at_ms <= until_ms)
    return query.where(~replaced.exists())


def as_stated(row: Row[tuple[object, ...]]) -> Stated:
    """A row of `fact`, its body typed."""
    body = msgspec.convert(row.body, KINDS[row.kind])
    name = row.digest[:NAME_BYTES].hex()
    return Stated(row.id, name, row.kind, body, row.actor, row.at_ms, row.cause)
