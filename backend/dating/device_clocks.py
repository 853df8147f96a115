"""What is known of devices' clocks, loaded for the readings that it bears on (`reach.py`)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from backend.dating.histories import Shared
from backend.dating.judge import Anchor, ClockFact, KnownClock, find_offset
from backend.dating.reach import EVER_MS, NEIGHBOURS, Reach, neighbour
from backend.dating.stretches import Offset, between
from backend.tables import device_clock, epoch

_NAME = (device_clock.c.epoch, device_clock.c.sequence)


class ClockFacts(NamedTuple):
    """What is known of a device's clock, by time.

    `undated` has, by number of a fact, what the clock showed between it and the one before in boots
    of which nobody ever knew the time.
    """

    placed: Sequence[int]
    facts: Sequence[ClockFact]
    undated: Mapping[int, Sequence[datetime]]

    def share(self, anchors: Mapping[bytes, Sequence[Anchor]]) -> SharedClock:
        """What they say of the clock, for all readings."""
        offsets = [find_offset(fact, anchors) for fact in self.facts]
        known = accumulate((offset is not None for offset in offsets), initial=0)
        doubts: list[tuple[int, Offset]] = []
        for number, shown in self.undated.items():
            before, after = offsets[number - 1], offsets[number]
            if before and after:
                doubts += ((number, offset) for offset in between(before, after, shown))
        shared = Shared([of for of in offsets if of is not None])
        return SharedClock(self.placed, list(known), shared, doubts)


class SharedClock(NamedTuple):
    """`known` counts the facts before each that say something; `doubts` lie before theirs."""

    placed: Sequence[int]
    known: Sequence[int]
    shared: Shared
    doubts: Sequence[tuple[int, Offset]] = ()

    def known_to(self, reach: Reach | None) -> KnownClock:
        """By the facts within the reach; where two bear, what lies between them does."""
        if reach is None:
            return KnownClock(partial(self.shared.cut, 0, 0))
        first = max(0, bisect_left(self.placed, reach[0]) - NEIGHBOURS)
        last = min(len(self.placed), bisect_right(self.placed, reach[1]) + NEIGHBOURS)
        return KnownClock(
            partial(self.shared.cut, self.known[first], self.known[last]),
            [offset for number, offset in self.doubts if first < number < last],
        )


NO_CLOCK = SharedClock((), (0,), Shared(()))


def load_facts(
    connection: Connection, reaches: Mapping[int, Sequence[Reach]]
) -> dict[int, ClockFacts]:
    """By device, what bears on readings with these reaches."""
    found = {}
    placed = device_clock.c.placed_ms
    for device, of_device in reaches.items():
        since = min(first for first, _ in of_device)
        until = max(last for _, last in of_device)
        rows = connection.execute(
            select(placed, *_NAME, *(device_clock.c[name] for name in ClockFact._fields))
            .where(
                device_clock.c.device == device,
                placed >= func.coalesce(neighbour(device, since, -1), 0),
                placed <= func.coalesce(neighbour(device, until, 1), EVER_MS),
            )
            .order_by(placed, *_NAME)
        ).all()
        found[device] = ClockFacts(
            [row[0] for row in rows],
            [ClockFact(*row[3:]) for row in rows],
            _load_undated(connection, device, [(row.epoch, row.sequence) for row in rows]),
        )
    return found


def _load_undated(
    connection: Connection, device: int, names: Sequence[tuple[int, int]]
) -> Mapping[int, Sequence[datetime]]:
    """What a device's clock showed, nobody knows when, between two of these facts in their order.

    Between which is known where one hub found all three, one after the other.
    """
    found: dict[int, list[datetime]] = defaultdict(list)
    epochs = [number for number, _ in names]
    rows = connection.execute(
        select(*_NAME, device_clock.c.device_time)
        .where(
            device_clock.c.device == device,
            device_clock.c.placed_ms.is_(None),
            device_clock.c.epoch.between(min(epochs, default=0), max(epochs, default=0)),
        )
        .order_by(*_NAME)
    ).all()
    if rows:
        among = {*epochs, *(row.epoch for row in rows)}
        of_hubs = connection.execute(select(epoch.c.id, epoch.c.hub).where(epoch.c.id.in_(among)))
        hubs: dict[int, str] = dict(map(tuple, of_hubs))
        for number, (before, after) in enumerate(pairwise(names), 1):
            if hubs[before[0]] == hubs[after[0]]:
                found[number] += (
                    row.device_time
                    for row in rows
                    if before < (row.epoch, row.sequence) < after
                    and hubs[row.epoch] == hubs[after[0]]
                )
    return found
