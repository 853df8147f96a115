"""Two machines with one identity, noticed as their messages come.

A card restored from an image forks the row of epochs; if the old machine runs on, both have records
of the same time. Kids never repeat, so nothing is lost by it and nothing is refused: it is counted,
and `hubs` shows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select

from backend.completeness.extents import Extent, Extents
from backend.completeness.rule import overlaps
from backend.epochs import Epoch, Opened
from backend.incidents import Incidents
from backend.ranges import Range
from backend.tables import epoch

TWO_MACHINES = "two-machines"
SURE = 14  # 16 s: a kernel calls nothing worse synchronised; a modem's word is off by minutes


class Machines:
    """Looks at what one hub's message brought, within its transaction."""

    def __init__(
        self, connection: Connection, extents: Extents, incidents: Incidents, hub: str
    ) -> None:
        self._connection = connection
        self._extents = extents
        self._incidents = incidents
        self._hub = hub

    def follow(self, kid: bytes, previous: bytes) -> None:
        """A new epoch names the one before; count it if another names the same."""
        others = self._connection.scalars(
            select(epoch.c.kid)
            .where(epoch.c.hub == self._hub, epoch.c.previous_kid == previous, epoch.c.kid != kid)
            .limit(1)
        )
        for other in others:
            self._count(f"forked after epoch {previous.hex()}: {other.hex()} and {kid.hex()}")

    def note(self, epochs: Iterable[Epoch], opened: Iterable[Opened]) -> None:
        """Widen the epochs' spans by what the hub's clock said, where that is sure."""
        times: dict[bytes, list[int]] = defaultdict(list)
        for of, _, record in opened:
            if 0 < record.stamp.quality <= SURE:
                times[of.kid].append(record.stamp.utc_ms)
        for one in epochs:
            if 0 < one.start.quality <= SURE:
                times[one.kid].append(one.start.utc_ms)
            if said := times[one.kid]:
                self._widen(one, (min(said), max(said)))

    def look_beyond(self, kid: bytes, top: int) -> None:
        """Count it if records came from behind the epoch's end, and before only up to `top`."""
        known = self._extents.find(kid)
        if known and known.ended is not None and top <= known.ended < known.top:
            self._count(f"epoch {kid.hex()} goes on behind its end at {known.ended}")

    def _widen(self, one: Epoch, times: Range) -> None:
        known = self._extents.find(one.kid)
        before = known and _span(known)
        after = (min(before[0], times[0]), max(before[1], times[1])) if before else times
        if after == before:
            return
        known = self._extents.enter(one.kid)
        known.boot = one.boot
        known.begun_ms, known.until_ms = after
        for other in self._extents.neighbours(known):
            span = _span(other)
            was = before and span and overlaps(before, span)
            if span and other.boot != one.boot and overlaps(after, span) and not was:
                pair = f"{other.kid.hex()} and {known.kid.hex()}"
                self._count(f"epochs {pair} go on at the same time, on two boots")

    def _count(self, detail: str) -> None:
        self._incidents.count(TWO_MACHINES, detail)


def _span(known: Extent) -> Range | None:
    if known.begun_ms is None or known.until_ms is None:
        return None
    return known.begun_ms, known.until_ms
