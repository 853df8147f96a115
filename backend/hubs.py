"""How the hubs are: last seen, what they delivered, what is parked, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, func, select

from backend.ledger import epoch, hub, incident, parked, record, sighting


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
    """An enrolled hub; `open_epochs` are those that no other has followed, with what came last.

    `measurements` are distinct readings, failed ones among them.
    """

    id: str
    enrolled_ms: int
    seen_ms: int | None
    epochs: int
    records: int
    measurements: int
    open_epochs: Sequence[tuple[bytes, int]]
    parked: int
    incidents: Sequence[Incident]

    @property
    def refused(self) -> int:
        """How many things were refused, whatever it was."""
        return sum(one.count for one in self.incidents)


def load_hubs(connection: Connection) -> list[Hub]:
    """Every enrolled hub, by name."""
    rows = connection.execute(select(hub.c.id, hub.c.enrolled_ms, hub.c.seen_ms).order_by(hub.c.id))
    return [_load_hub(connection, *row) for row in rows.all()]


def load_incidents(connection: Connection, of: str = "") -> list[Incident]:
    """The incidents of one hub, or of nobody who is enrolled."""
    rows = connection.execute(
        select(*(incident.c[column.name] for column in fields(Incident)))
        .where(incident.c.hub == of)
        .order_by(incident.c.what)
    )
    return [Incident(*row) for row in rows]


def _load_hub(connection: Connection, name: str, enrolled_ms: int, seen_ms: int | None) -> Hub:
    last = func.coalesce(func.max(record.c.sequence), 0)
    epochs = connection.execute(
        select(epoch.c.kid, epoch.c.previous_kid, func.count(record.c.sequence), last)
        .outerjoin(record)
        .where(epoch.c.hub == name)
        .group_by(epoch.c.id)
        .order_by(epoch.c.id)
    ).all()
    followed = {row.previous_kid for row in epochs}
    of_hub = parked.c.hub == name
    return Hub(
        name,
        enrolled_ms,
        seen_ms,
        len(epochs),
        sum(records for _, _, records, _ in epochs),
        connection.scalars(
            select(func.count(sighting.c.reading.distinct())).join(epoch).where(epoch.c.hub == name)
        ).one(),
        [(kid, last) for kid, _, _, last in epochs if kid not in followed],
        connection.scalars(select(func.count()).select_from(parked).where(of_hub)).one(),
        load_incidents(connection, name),
    )
