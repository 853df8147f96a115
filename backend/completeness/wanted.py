"""What a hub is asked for once more, and what it answers that it does not have any more."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from backend.completeness.extents import Extents
from backend.completeness.rule import Fate
from backend.ranges import Range, merge
from backend.tables import epoch, extent, gone, gone_statement, hole
from uplink.statements import Gone

RANGES = 64
"""Bound per receipt; the others are asked for by the next."""

AGAIN_MS = 600_000
"""A range is not asked for more often."""

_DUE = (
    select(hole.c.extent, hole.c.first, hole.c.last, extent.c.kid, epoch.c.id)
    .join(extent, extent.c.id == hole.c.extent)
    .outerjoin(epoch, (epoch.c.hub == bindparam("of")) & (epoch.c.kid == extent.c.kid))
    .where(
        hole.c.hub == bindparam("of"),
        # In so many words: SQLite takes a partial index only where it sees its condition.
        hole.c.fate == literal_column(f"'{Fate.WANTED}'"),
        hole.c.due_ms <= bindparam("now"),
    )
    .order_by(hole.c.due_ms, hole.c.extent, hole.c.first)
    .limit(RANGES)
)
_ASKED = (
    update(hole)
    .where(hole.c.extent == bindparam("of"), hole.c.first == bindparam("from"))
    .values(due_ms=bindparam("until"))
)


class Wanted(NamedTuple):
    """Ranges by kid, oldest first; `unknown` are those kids whose key record has not come."""

    ranges: dict[bytes, list[Range]]
    unknown: list[bytes]


def ask(connection: Connection, hub: str, now_ms: int) -> Wanted:
    """What the next receipt of this hub asks for; it is noted as asked for."""
    rows = connection.execute(_DUE, {"of": hub, "now": now_ms}).all()
    ranges: dict[bytes, list[Range]] = defaultdict(list)
    for _, first, last, kid, _ in rows:
        ranges[kid].append((first, last))
    if rows:
        until = now_ms + AGAIN_MS
        asked = [{"of": of, "from": first, "until": until} for of, first, *_ in rows]
        connection.execute(_ASKED, asked)
    return Wanted(dict(ranges), list(dict.fromkeys(kid for *_, kid, id_ in rows if id_ is None)))


def keep_gone(
    connection: Connection, extents: Extents, one: Gone, signed: bytes, now_ms: int
) -> None:
    """Keep what the hub says that it does not have any more: it is not asked for again."""
    ranges = {kid: merge(of) for kid, of in one.ranges.items()}
    rows = [
        {"hub": one.hub, "kid": kid, "first": first, "last": last}
        for kid, of in ranges.items()
        for first, last in of
    ]
    known = {
        tuple(row)
        for row in connection.execute(
            select(gone.c.kid, gone.c.first, gone.c.last).where(
                gone.c.hub == one.hub,
                gone.c.kid.in_(list(ranges)),
                gone.c.first.in_([row["first"] for row in rows]),
            )
        )
    }
    new = [row for row in rows if (row["kid"], row["first"], row["last"]) not in known]
    if new:
        values = {"signed": signed, "received_ms": now_ms}
        kept = insert(gone_statement).values(values).returning(gone_statement.c.id)
        number = connection.execute(kept).scalar_one()
        connection.execute(insert(gone), [row | {"statement": number} for row in new])
    for kid, of in ranges.items():
        extents.give_up(kid, of, Fate.GONE)
