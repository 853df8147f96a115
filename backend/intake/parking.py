"""Records of epochs whose key record has not come: kept for a while, asked for, not receipted."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from backend.tables import parked
from uplink.wire import Run

RECORDS = 4_000
BYTES = 1_000_000
"""Bounds per hub. What is not parked is not lost: without a receipt the hub sends it again."""


def park(connection: Connection, hub: str, run: Run, now_ms: int) -> bool:
    """Keep the run's records until their epoch is known; False where not all fit."""
    of_hub = parked.c.hub == hub
    count, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(parked.c.sealed)), 0)).where(of_hub)
    ).one()
    sequences = range(run.first, run.first + len(run.sealed))
    kept = set(
        connection.scalars(
            select(parked.c.sequence).where(
                of_hub,
                parked.c.kid == run.kid,
                parked.c.sequence.between(sequences[0], sequences[-1]),
            )
        )
    )
    rows = []
    for sequence, sealed in zip(sequences, run.sealed, strict=True):
        if sequence in kept:
            continue
        count += 1
        size += len(sealed)
        if count > RECORDS or size > BYTES:
            break
        name = {"hub": hub, "kid": run.kid, "sequence": sequence}
        rows.append(name | {"sealed": sealed, "received_ms": now_ms})
    if rows:
        connection.execute(insert(parked), rows)
    return len(rows) + len(kept) == len(run.sealed)


def unpark(connection: Connection, hub: str, kid: bytes) -> list[tuple[int, bytes]]:
    """Take out what waited for this epoch: sequences and sealed records."""
    of_epoch = (parked.c.hub == hub, parked.c.kid == kid)
    rows = connection.execute(
        select(parked.c.sequence, parked.c.sealed).where(*of_epoch).order_by(parked.c.sequence)
    ).all()
    connection.execute(delete(parked).where(*of_epoch))
    return [(sequence, sealed) for sequence, sealed in rows]
