"""How the hubs are: last seen, how complete, what is parked, what was refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, func, select

from backend.completeness.checkpoints import load_checkpoints
from backend.completeness.rule import Begun, Completeness, Facts, Fate, judge_hub
from backend.ranges import Range, merge, subtract
from backend.tables import epoch, extent, hole, hub, incident, parked, sighting
from uplink.statements import Previous


@dataclass(frozen=True, slots=True)
class Incident:
    """Something refused or odd: how often, when, and where the last one was."""

    what: str
    count: int
    first_ms: int
    last_ms: int
    detail: str


@dataclass(frozen=True, slots=True)
class Hub:
    """An enrolled hub, and how complete the ledger is of it.

    `measurements` are distinct readings, failed ones among them.
    """

    id: str
    enrolled_ms: int
    seen_ms: int | None
    retired_ms: int | None
    revoked_ms: int | None
    records: int
    measurements: int
    completeness: Completeness
    parked: Mapping[bytes, int]
    incidents: Sequence[Incident]

    @property
    def refused(self) -> int:
        """How many things were refused, whatever it was."""
        return sum(one.count for one in self.incidents)


def load_hubs(connection: Connection) -> list[Hub]:
    """Every enrolled hub, by name."""
    return [
        _load_hub(connection, row) for row in connection.execute(select(hub).order_by(hub.c.id))
    ]


def load_incidents(connection: Connection, of: str = "") -> list[Incident]:
    """The incidents of one hub, or of nobody who is enrolled."""
    rows = connection.execute(
        select(*(incident.c[column.name] for column in fields(Incident)))
        .where(incident.c.hub == of)
        .order_by(incident.c.what)
    )
    return [Incident(*row) for row in rows]


def load_facts(connection: Connection, name: str, *, is_active: bool = True) -> Facts:
    """What the ledger has kept up of a hub's epochs: no record is read for it."""
    same = (extent.c.hub == epoch.c.hub) & (extent.c.kid == epoch.c.kid)
    rows = connection.execute(
        select(
            *(epoch.c.kid, extent.c.boot, extent.c.begun_ms, extent.c.until_ms),
            *(epoch.c.previous_kid, epoch.c.previous_last, epoch.c.previous_clean),
        )
        .outerjoin(extent, same)
        .where(epoch.c.hub == name)
        .order_by(epoch.c.id)
    )
    begun = [
        Begun(
            row.kid,
            row.boot or b"",
            Previous(*row[-3:]) if row.previous_kid else None,
            (row.begun_ms, row.until_ms) if row.begun_ms is not None else None,
        )
        for row in rows
    ]
    holes = _load_holes(connection, name)
    extents = connection.execute(
        select(extent.c.kid, extent.c.known, extent.c.disputed).where(extent.c.hub == name)
    ).all()
    return Facts(
        begun,
        {
            kid: subtract([(1, known)] if known else [], merge(chain(*holes[kid].values())))
            for kid, known, _ in extents
        },
        load_checkpoints(connection, name),
        {kid: of[Fate.GONE] for kid, of in holes.items()},
        {kid: of[Fate.REFUSED] for kid, of in holes.items()},
        frozenset(kid for kid, _, disputed in extents if disputed is not None),
        is_active,
    )


def _load_holes(connection: Connection, name: str) -> dict[bytes, dict[str, list[Range]]]:
    holes: dict[bytes, dict[str, list[Range]]] = defaultdict(lambda: defaultdict(list))
    rows = connection.execute(
        select(extent.c.kid, hole.c.fate, hole.c.first, hole.c.last)
        .join(hole, hole.c.extent == extent.c.id)
        .where(hole.c.hub == name)
        .order_by(hole.c.extent, hole.c.first)
    )
    for kid, fate, first, last in rows:
        holes[kid][fate].append((first, last))
    return holes


def _load_hub(connection: Connection, row: Row[Any]) -> Hub:
    name = row.id
    retired_ms, revoked_ms = (getattr(row, column, None) for column in ("retired_ms", "revoked_ms"))
    counted = select(parked.c.kid, func.count()).where(parked.c.hub == name).group_by(parked.c.kid)
    facts = load_facts(connection, name, is_active=retired_ms is None and revoked_ms is None)
    completeness = judge_hub(facts)
    return Hub(
        name,
        row.enrolled_ms,
        row.seen_ms,
        retired_ms,
        revoked_ms,
        sum(one.stored for one in completeness.epochs),
        connection.scalars(
            select(func.count(sighting.c.reading.distinct())).join(epoch).where(epoch.c.hub == name)
        ).one(),
        completeness,
        dict(connection.execute(counted).all()),
        load_incidents(connection, name),
    )
