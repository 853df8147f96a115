"""Anchors, and the instants that they give to what a hub stamped without knowing the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    func,
    insert,
    literal_column,
    select,
    update,
)

from backend.dating.judge import Anchor
from backend.epochs import Epoch
from backend.tables import clock_anchor, device_clock, sighting
from uplink.records import Stamp

_NEVER_MS = 2**63 - 1

Place = Callable[[Epoch, Stamp], int | None]


class Placed(NamedTuple):
    """What has got an instant: readings, and as (device, placed_ms) their sightings and clocks.

    A sighting has a third part, its device time.
    """

    readings: set[int]
    sightings: list[tuple[int, int, datetime | None]]
    clocks: list[tuple[int, int]]


def when(epoch: Epoch, sequence: int, stamp: Stamp) -> dict[str, Any]:
    """The columns that a record and its stamp give to any fact."""
    return {
        "epoch": epoch.id,
        "sequence": sequence,
        "boot": epoch.boot,
        "boottime_ms": boottime_ms(epoch, stamp.since_ms),
        "utc_ms": stamp.utc_ms,
        "quality": stamp.quality,
    }


def boottime_ms(epoch: Epoch, since_ms: int) -> int:
    """BOOTTIME of the hub, from its distance to the epoch's start."""
    return epoch.start.boottime_ms + since_ms


def load_anchors(connection: Connection, boots: Iterable[bytes]) -> dict[bytes, list[Anchor]]:
    """The anchors of each boot at which the hub's clock was synchronised.

    All of a boot: it gets a few a day, and only what was stamped without a clock asks for them.
    """
    anchors: dict[bytes, list[Anchor]] = defaultdict(list)
    wanted = set(boots)
    if wanted:
        columns = (clock_anchor.c[name] for name in Anchor._fields)
        rows = select(*columns).where(clock_anchor.c.boot.in_(wanted), clock_anchor.c.quality > 0)
        for row in connection.execute(rows):
            anchors[row.boot].append(Anchor(*row))
    return anchors


def placing(connection: Connection, stamps: Iterable[tuple[Epoch, Stamp]]) -> Place:
    """A function that places those stamps in UTC, or says None."""
    anchors = load_anchors(connection, {e.boot for e, stamp in stamps if stamp.quality == 0})

    def place(epoch: Epoch, stamp: Stamp) -> int | None:
        if stamp.quality > 0:
            return stamp.utc_ms
        at = boottime_ms(epoch, stamp.since_ms)
        by = min(anchors[epoch.boot], key=lambda a: abs(a.boottime_ms - at), default=None)
        return None if by is None else by.utc_ms + at - by.boottime_ms

    return place


def add_anchors(connection: Connection, rows: Sequence[dict[str, Any]]) -> Placed:
    """Add anchors; return what they place anew.

    An anchor tells nothing new beyond one that is as good and nearer, so what is touched lies
    between its neighbours: however long the history, a record is touched a few times in all.
    """
    placed = Placed(set(), [], [])
    if rows:
        connection.execute(insert(clock_anchor), rows)
    anchors = [Anchor(*(row[n] for n in Anchor._fields)) for row in rows if row["quality"] > 0]
    of_sightings = _find_unset(connection, sighting, anchors)
    of_clocks = _find_unset(connection, device_clock, anchors)
    for anchor in anchors:
        if anchor.boot in of_sightings:
            for seen in _place(connection, sighting, anchor):
                placed.readings.add(seen.reading)
                placed.sightings.append((seen.device, seen.placed_ms, seen.device_time))
        if anchor.boot in of_clocks:
            for fact in _place(connection, device_clock, anchor):
                placed.clocks.append((fact.device, fact.placed_ms))
    return placed


def _find_unset(connection: Connection, table: Table, anchors: Iterable[Anchor]) -> set[bytes]:
    """The boots of these anchors in which something came while the clock was not set.

    Most hubs know the time when they start, and have nothing that an anchor could place.
    """
    boots = {anchor.boot for anchor in anchors}
    rows = select(table.c.boot).where(table.c.boot.in_(boots), _is_unset(table)).distinct()
    return set(connection.scalars(rows)) if boots else set()


def _place(connection: Connection, table: Table, anchor: Anchor) -> Sequence[Row[Any]]:
    at = clock_anchor.c.boottime_ms
    as_good = (
        clock_anchor.c.boot == anchor.boot,
        clock_anchor.c.quality.between(1, anchor.quality),
    )
    before = select(func.max(at)).where(*as_good, at < anchor.boottime_ms).scalar_subquery()
    after = select(func.min(at)).where(*as_good, at > anchor.boottime_ms).scalar_subquery()
    offset_ms = anchor.utc_ms - anchor.boottime_ms
    statement = (
        update(table)
        .where(
            table.c.boot == anchor.boot,
            _is_unset(table),
            table.c.boottime_ms > func.coalesce(before, -1),
            table.c.boottime_ms < func.coalesce(after, _NEVER_MS),
        )
        .values(placed_ms=table.c.boottime_ms + offset_ms)
        .returning(*table.c)
    )
    return connection.execute(statement).all()


def _is_unset(table: Table) -> ColumnElement[bool]:
    # In so many words: SQLite takes a partial index only where it sees its condition.
    return table.c.quality == literal_column("0")
