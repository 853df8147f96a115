"""Which records bear on the judgement of some readings.

Their sightings; what the same devices showed and handed over within their reach, with the clock
facts beside it (backend.dating.reach); and, of a boot whose clock was not set, its anchors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, or_, select

from backend import tables
from backend.dating.reach import EVER_MS, Reach, find_reach, neighbour
from backend.ranges import merge

Key = tuple[int, int]
"""The epoch's number in the ledger, and the sequence."""

_AT_ONCE = 500  # names in one statement


class Bearing(NamedTuple):
    """Records by their names: the sightings of the readings, and what bears on these."""

    seen: set[Key]
    beside: set[Key]


def find_bearing(connection: Connection, names: Iterable[bytes], until_ms: int) -> Bearing:
    """What bears on the readings of these reading_ids."""
    seen = list(_load_sightings(connection, sorted(names), until_ms))
    beside: list[Row[Any]] = []
    for device, stretches in _find_reaches(seen).items():
        for since, until in stretches:
            beside += _load_clocks(connection, device, since, until)
            beside += _load_delivered(connection, device, since, until)
    boots = {row.boot for row in (*seen, *beside) if row.quality == 0}
    anchor = tables.clock_anchor
    anchors = connection.execute(
        select(anchor.c.epoch, anchor.c.sequence).where(
            anchor.c.boot.in_(boots), anchor.c.quality > 0, anchor.c.sequence > 0
        )
    ).all()
    return Bearing(
        {(row.epoch, row.sequence) for row in seen},
        {(row.epoch, row.sequence) for row in (*beside, *anchors)},
    )


def _load_sightings(
    connection: Connection, names: Sequence[bytes], until_ms: int
) -> Iterator[Row[Any]]:
    reading, sighting, record = tables.reading, tables.sighting, tables.record
    same = (record.c.epoch == sighting.c.epoch) & (record.c.sequence == sighting.c.sequence)
    for first in range(0, len(names), _AT_ONCE):
        yield from connection.execute(
            select(sighting)
            .join(reading)
            .join(record, same)
            .where(
                reading.c.reading_id.in_(names[first : first + _AT_ONCE]),
                record.c.received_ms <= until_ms,
            )
        )


def _find_reaches(seen: Iterable[Row[Any]]) -> dict[int, list[Reach]]:
    """By device, the stretches of time in which anything bears on its readings.

    Years can lie between the first reading, which begins all periods, and those of the period.
    """
    placed: dict[tuple[int, int], list[Row[Any]]] = defaultdict(list)
    for row in seen:
        if row.placed_ms is not None:
            placed[row.device, row.reading].append(row)
    reaches: dict[int, list[Reach]] = defaultdict(list)
    for (device, _), rows in placed.items():
        received = min(row.placed_ms for row in rows)
        reaches[device].append(find_reach(received, (row.device_time for row in rows)))
    return {device: merge(found) for device, found in reaches.items()}


def _load_clocks(connection: Connection, device: int, since: int, until: int) -> Iterator[Row[Any]]:
    table = tables.device_clock
    yield from connection.execute(
        select(table).where(
            table.c.device == device,
            or_(
                table.c.placed_ms.is_(None),
                table.c.placed_ms.between(
                    func.coalesce(neighbour(device, since, -1), 0),
                    func.coalesce(neighbour(device, until, 1), EVER_MS),
                ),
            ),
        )
    )


def _load_delivered(
    connection: Connection, device: int, since: int, until: int
) -> Iterator[Row[Any]]:
    table = tables.sighting
    yield from connection.execute(
        select(table).where(table.c.device == device, table.c.placed_ms.between(since, until))
    )
