"""How far facts reach: which readings a new fact concerns, and which facts bear on a reading.

The cost of a message must not grow with the history behind it. So a reading is judged by the facts
within its reach: from `BEFORE_MS` before it was measured (by its own word) or received until it was
received, with `NEIGHBOURS` more clock facts on either side. As messages come in order, what a new
fact concerns are the readings since the session before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, literal, select

from backend.tables import device_clock, sighting

NEIGHBOURS = 2  # a session reads the clock, then sets it
BEFORE_MS = 3 * 86_400_000
LONGEST_MS = 400 * 86_400_000  # a clock that was reset says 2000: no reason to read everything
EVER_MS = 2**62
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  device times are naive
_MILLISECOND = timedelta(milliseconds=1)

Reach = tuple[int, int]


def find_reach(received_ms: int, told: Iterable[datetime | None]) -> Reach:
    """From when to when facts bear on a reading that came then and bears these device times."""
    since = received_ms
    for time in told:
        if time is not None:
            since = min(since, _as_ms(time))
    return max(since - BEFORE_MS, received_ms - LONGEST_MS), received_ms


def concerned(connection: Connection, clocks: Iterable[tuple[int, int]]) -> set[int]:
    """The readings within whose reach these new clock facts (device, placed_ms) lie."""
    readings: set[int] = set()
    for device, placed in _by_device(clocks).items():
        since = func.coalesce(neighbour(device, min(placed), -1), 0)
        until = func.coalesce(neighbour(device, max(placed), 1), EVER_MS)
        readings |= _reaching(connection, device, since, until)
    return readings


def overtaken(
    connection: Connection, sightings: Iterable[tuple[int, int, datetime | None]]
) -> set[int]:
    """The readings that these new sightings (device, placed_ms, device time) can tell of.

    They came after them, within their reach, and bear an earlier device time: what was delivered
    tells only of what had not been measured yet. What comes in order has nothing behind it.
    """
    told = [(device, placed, time) for device, placed, time in sightings if time is not None]
    readings: set[int] = set()
    for device, placed in _by_device(seen[:2] for seen in told).items():
        latest = max(time for of, _, time in told if of == device)
        is_earlier = sighting.c.device_time < latest
        readings |= _reaching(
            connection, device, literal(min(placed)), literal(max(placed)), is_earlier
        )
    return readings


def _by_device(facts: Iterable[tuple[int, int]]) -> Mapping[int, list[int]]:
    by_device: dict[int, list[int]] = defaultdict(list)
    for device, placed_ms in facts:
        by_device[device].append(placed_ms)
    return by_device


def _reaching(
    connection: Connection,
    device: int,
    since: ColumnElement[int],
    until: ColumnElement[int],
    *conditions: ColumnElement[bool],
) -> set[int]:
    """Readings received from `since` on that reach back to `until`."""
    rows = connection.execute(
        select(sighting.c.reading, sighting.c.placed_ms, sighting.c.device_time, until).where(
            sighting.c.device == device,
            sighting.c.placed_ms >= since,
            sighting.c.placed_ms <= until + LONGEST_MS,
            *conditions,
        )
    )
    return {
        reading for reading, at, told, until_ms in rows if find_reach(at, [told])[0] <= until_ms
    }


def neighbour(device: int, at_ms: int, step: int) -> ScalarSelect[int]:
    """The instant of the last clock fact that counts as a neighbour of `at_ms`, before or after."""
    placed = device_clock.c.placed_ms
    beyond: ColumnElement[bool] = placed > at_ms if step > 0 else placed < at_ms
    return (
        select(placed)
        .where(device_clock.c.device == device, beyond)
        .order_by(placed.asc() if step > 0 else placed.desc())
        .limit(1)
        .offset(NEIGHBOURS - 1)
        .scalar_subquery()
    )


def _as_ms(device_time: datetime) -> int:
    """A device time, counted as if it were UTC: the order of days is all that is asked of it."""
    return (device_time - _EPOCH) // _MILLISECOND
