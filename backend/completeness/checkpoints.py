"""Checkpoints: kept as they came, and compared with the records that are stored.

One that contradicts another, or the records, is kept like any: it is an incident, and its epoch is
never called complete.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from backend.completeness.extents import Extent, Extents
from backend.completeness.machines import TWO_MACHINES
from backend.incidents import Incidents
from backend.tables import checkpoint, epoch
from uplink.statements import Checkpoint, Ending

SETTLE_MS = 60_000
"""A checkpoint may come before the records that it speaks of: until then they are not asked for."""

CONFLICT = "checkpoint-conflict"


class Checkpoints:
    """Keeps the checkpoints of one hub's message in its transaction."""

    def __init__(
        self, connection: Connection, extents: Extents, incidents: Incidents, hub: str, now_ms: int
    ) -> None:
        self._connection = connection
        self._extents = extents
        self._incidents = incidents
        self._hub = hub
        self._now_ms = now_ms

    def keep(self, stated: Sequence[tuple[Checkpoint, bytes]]) -> dict[bytes, int]:
        """Keep what says something new; the last sequence of the newest that is kept, by kid."""
        checked: dict[bytes, int] = {}
        kept = self._load({one.kid for one, _ in stated})
        new: dict[bytes, list[Checkpoint]] = defaultdict(list)
        for one, signed in stated:
            of_epoch = kept[one.kid]
            if _says(one) not in map(_says, of_epoch):
                self._enter(one, signed)
                self._weigh(one, of_epoch)
                of_epoch.append(one)
                new[one.kid].append(one)
            checked[one.kid] = max(other.last_sequence for other in of_epoch)
        for kid, checkpoints in new.items():
            self._compare(kid, checkpoints)
        return checked

    def newest(self, kids: Collection[bytes]) -> dict[bytes, int]:
        """The last sequence of the newest checkpoint that is kept of each epoch; 0: none."""
        if not kids:
            return {}
        rows = self._connection.execute(
            select(checkpoint.c.kid, func.max(checkpoint.c.last))
            .where(checkpoint.c.hub == self._hub, checkpoint.c.kid.in_(kids))
            .group_by(checkpoint.c.kid)
        )
        return dict.fromkeys(kids, 0) | dict(rows.all())

    def compare_passed(self, kids: Iterable[bytes]) -> None:
        """Compare the checkpoints up to which epochs have become whole by this message."""
        passed = {kid: range_ for kid in kids if (range_ := self._extents.passed(kid))}
        kept = self._load(passed)
        for kid, (first, last) in passed.items():
            self._compare(kid, [one for one in kept[kid] if first <= one.last_sequence <= last])

    def _load(self, kids: Iterable[bytes]) -> defaultdict[bytes, list[Checkpoint]]:
        kept: defaultdict[bytes, list[Checkpoint]] = defaultdict(list)
        wanted = list(kids)
        if wanted:
            for one in load_checkpoints(self._connection, self._hub, wanted):
                kept[one.kid].append(one)
        return kept

    def _enter(self, one: Checkpoint, signed: bytes) -> None:
        row = {
            "hub": self._hub,
            "kid": one.kid,
            "last": one.last_sequence,
            "ending": one.ending,
            "utc_ms": one.utc_ms,
            "chain": one.chain,
            "previous_kid": one.previous_kid,
            "signed": signed,
            "received_ms": self._now_ms,
        }
        self._connection.execute(insert(checkpoint).values(row))

    def _weigh(self, one: Checkpoint, others: Iterable[Checkpoint]) -> None:
        """Note how far the epoch goes by this, and what it contradicts."""
        known = self._extents.know(one.kid, one.last_sequence, self._now_ms + SETTLE_MS)
        at = f"epoch {one.kid.hex()}, checkpoint at {one.last_sequence}"
        chains = {o.chain for o in others if o.last_sequence == one.last_sequence and o.chain}
        if one.chain and chains - {one.chain}:
            self._dispute(known, one.last_sequence, f"{at}: another has another chain")
        if known.ended is not None and one.last_sequence > known.ended:
            self._incidents.count(CONFLICT, f"{at}: it had ended at {known.ended}")
        if one.ending is Ending.OPEN:
            return
        if one.last_sequence < known.top:
            self._incidents.count(CONFLICT, f"{at} says that it ended; {known.top} is stored")
            if known.ended is None:
                self._incidents.count(TWO_MACHINES, f"{at}: the epoch went on to {known.top}")
        known.ended = max(one.last_sequence, known.ended or 0)

    def _compare(self, kid: bytes, checkpoints: Iterable[Checkpoint]) -> None:
        chained = {one.last_sequence: one.chain for one in checkpoints if one.chain}
        known = self._extents.find(kid)
        if not chained or known is None:
            return
        number = self._connection.scalar(
            select(epoch.c.id).where(epoch.c.hub == self._hub, epoch.c.kid == kid)
        )
        for last, chain in self._extents.chains(kid, number, chained).items():
            if chained.get(last, chain) != chain and known.disputed is None:
                known = self._extents.enter(kid)
                at = f"epoch {kid.hex()}, checkpoint at {last}"
                self._dispute(known, last, f"{at}: its chain is not that of the records")

    def _dispute(self, known: Extent, last: int, detail: str) -> None:
        known.disputed = min(last, known.disputed or last)
        self._incidents.count(CONFLICT, detail)


def load_checkpoints(connection: Connection, hub: str, kids: Any = None) -> list[Checkpoint]:
    """The checkpoints that are kept of a hub, or of these epochs of it, as they came."""
    table = checkpoint
    names = (table.c.hub, table.c.kid, table.c.last, table.c.ending, table.c.utc_ms)
    of_hub = table.c.hub == hub
    rows = connection.execute(
        select(*names, table.c.chain, table.c.previous_kid)
        .where(of_hub if kids is None else of_hub & table.c.kid.in_(kids))
        .order_by(table.c.id)
    )
    return [
        Checkpoint(hub, kid, last, Ending(ending), *rest) for hub, kid, last, ending, *rest in rows
    ]


def _says(one: Checkpoint) -> tuple[object, ...]:
    return (one.last_sequence, one.ending, one.chain, one.previous_kid)
