"""How far the epochs of one message go, kept up as it is taken: what lacks, and the chain so far.

The cost of a message must not grow with what is stored. So each epoch has one row that says how
far it is whole, with the chain over that, and a row for each range that lacks. A record that comes
in order changes the first and never looks at the second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    ScalarSelect,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from backend.completeness.rule import Fate
from backend.ranges import Range, as_ranges, intersect, merge, subtract
from backend.tables import extent, gone, hole, record
from uplink.statements import CHAIN_START, extend_chain


@dataclass(slots=True)
class Extent:
    """One epoch that was heard of; the columns are those of the ledger's table."""

    id: int
    hub: str
    kid: bytes
    known: int = 0
    top: int = 0
    whole: int = 0
    chain: bytes = CHAIN_START
    ended: int | None = None
    disputed: int | None = None
    boot: bytes | None = None
    begun_ms: int | None = None
    until_ms: int | None = None


_COLUMNS = [extent.c[column.name] for column in fields(Extent)]
_SAVED = [column.name for column in fields(Extent)][3:]


_UPDATE = (
    update(extent)
    .where(extent.c.id == bindparam("at"))
    .values({name: bindparam(f"to_{name}") for name in _SAVED})
)


def _next(after: ColumnElement[bool], order: ColumnElement[Any]) -> ScalarSelect[int]:
    others = (extent.c.hub == bindparam("of"), extent.c.id != bindparam("this"))
    return select(extent.c.id).where(*others, after).order_by(order).limit(1).scalar_subquery()


_BEGUN = extent.c.begun_ms
_AT: BindParameter[int] = bindparam("at")
_NEIGHBOURS = select(*_COLUMNS).where(
    extent.c.id.in_([_next(_BEGUN <= _AT, _BEGUN.desc()), _next(_BEGUN > _AT, _BEGUN.asc())])
)


class Extents:
    """The extents of one hub's epochs within one transaction; `save` writes what has changed."""

    def __init__(self, connection: Connection, hub: str, now_ms: int) -> None:
        self._connection = connection
        self._hub = hub
        self._now_ms = now_ms
        self._known: dict[bytes, Extent] = {}
        self._changed: dict[bytes, Extent] = {}
        self._before: dict[bytes, tuple[int, bytes]] = {}

    def load(self, kids: Collection[bytes]) -> None:
        """Load those that are not loaded yet, in one statement."""
        new = [kid for kid in kids if kid not in self._known]
        if new:
            rows = self._connection.execute(
                select(*_COLUMNS).where(extent.c.hub == self._hub, extent.c.kid.in_(new))
            )
            for row in rows:
                one = self._known[row.kid] = Extent(*row)
                self._before[row.kid] = one.whole, one.chain

    def find(self, kid: bytes) -> Extent | None:
        """The extent of a loaded epoch; None where nothing was heard of it."""
        return self._known.get(kid)

    def neighbours(self, known: Extent) -> list[Extent]:
        """The epochs of the hub that began before and after this one."""
        at = {"of": self._hub, "this": known.id, "at": known.begun_ms}
        rows = [Extent(*row) for row in self._connection.execute(_NEIGHBOURS, at)]
        return [self._known.get(one.kid, one) for one in rows]

    def enter(self, kid: bytes) -> Extent:
        """The extent of a loaded epoch, which is heard of now; it will be saved."""
        if kid not in self._known:
            row = {"hub": self._hub, "kid": kid, "known": 0, "top": 0, "whole": 0}
            entered = insert(extent).values(row | {"chain": CHAIN_START}).returning(extent.c.id)
            number = self._connection.execute(entered).scalar_one()
            self._known[kid] = Extent(number, self._hub, kid)
        self._changed[kid] = self._known[kid]
        return self._known[kid]

    def know(self, kid: bytes, last: int, due_ms: int) -> Extent:
        """The epoch goes to `last` at least; what lacks of it may be asked for from `due_ms`."""
        known = self.enter(kid)
        if last > known.known:
            self._add_hole(known, (known.known + 1, last), due_ms)
            known.known = last
        return known

    def store(self, kid: bytes, epoch: int, sealed: Mapping[int, bytes]) -> None:
        """These records are stored now, and were not before; they are in the ledger's table."""
        known = self.enter(kid)
        for first, last in as_ranges(sealed):
            if first <= known.known:
                self._fill(known, (first, min(last, known.known)))
            elif first > known.known + 1:
                self._add_hole(known, (known.known + 1, first - 1), self._now_ms)
            known.known = max(known.known, last)
            known.top = max(known.top, last)
        if known.whole + 1 in sealed:
            self._extend(known, epoch, sealed)

    def give_up(self, kid: bytes, ranges: Sequence[Range], fate: Fate) -> None:
        """What lacks of these ranges will not come, for this reason."""
        known = self._known.get(kid)
        if known is None:
            return
        for each in ranges:
            for first, last, of, due_ms in self._take_holes(known, each):
                inside = intersect([(first, last)], [each])
                given_up = inside if of == Fate.WANTED else []
                self._put_holes(known, subtract([(first, last)], given_up), of, due_ms)
                self._put_holes(known, given_up, fate, due_ms)

    def passed(self, kid: bytes) -> Range | None:
        """The sequences up to which the epoch has become whole, where others were known beyond."""
        before, whole = self._before.get(kid, (0, b""))[0], self._known[kid].whole
        return (before + 1, whole) if whole > before else None

    def chains(self, kid: bytes, epoch: int | None, lasts: Iterable[int]) -> dict[int, bytes]:
        """The chain at each of these sequences up to which the epoch is whole."""
        known = self._known[kid]
        found = {0: CHAIN_START, known.whole: known.chain}
        inside = {last for last in lasts if 0 < last < known.whole}
        if inside and epoch is not None:
            begin, chain = self._before.get(kid, (0, CHAIN_START))
            if begin > min(inside):
                begin, chain = 0, CHAIN_START
            found[begin] = chain
            for sequence, sealed in self._load(epoch, begin + 1, max(inside)):
                chain = extend_chain(chain, [sealed])
                if sequence in inside:
                    found[sequence] = chain
        return found

    def save(self) -> None:
        """Write back what was entered."""
        rows = [
            {"at": one.id} | {f"to_{name}": getattr(one, name) for name in _SAVED}
            for one in self._changed.values()
        ]
        if rows:
            self._connection.execute(_UPDATE, rows)
        self._changed = {}

    def _extend(self, known: Extent, epoch: int, sealed: Mapping[int, bytes]) -> None:
        """Go on from `whole` to before the first hole."""
        begin, until = known.whole + 1, known.known
        if known.known - known.whole != len(sealed):
            first_hole = select(func.min(hole.c.first)).where(hole.c.extent == known.id)
            first = self._connection.scalar(first_hole)
            until = until if first is None else first - 1
        while begin in sealed:
            known.chain = extend_chain(known.chain, [sealed[begin]])
            begin += 1
        if begin <= until:
            later = (sealed for _, sealed in self._load(epoch, begin, until))
            known.chain = extend_chain(known.chain, later)
        known.whole = until

    def _load(self, epoch: int, first: int, last: int) -> Iterable[Any]:
        return self._connection.execute(
            select(record.c.sequence, record.c.sealed)
            .where(record.c.epoch == epoch, record.c.sequence.between(first, last))
            .order_by(record.c.sequence)
        )

    def _add_hole(self, known: Extent, missing: Range, due_ms: int) -> None:
        rows = self._connection.execute(
            select(gone.c.first, gone.c.last)
            .where(
                gone.c.hub == self._hub,
                gone.c.kid == known.kid,
                gone.c.first <= missing[1],
                gone.c.last >= missing[0],
            )
            .order_by(gone.c.first)
        )
        known_gone = merge((first, last) for first, last in rows)
        self._put_holes(known, subtract([missing], known_gone), Fate.WANTED, due_ms)
        self._put_holes(known, intersect([missing], known_gone), Fate.GONE, due_ms)

    def _fill(self, known: Extent, stored: Range) -> None:
        for first, last, fate, due_ms in self._take_holes(known, stored):
            self._put_holes(known, subtract([(first, last)], [stored]), fate, due_ms)

    def _take_holes(self, known: Extent, touched: Range) -> Sequence[Any]:
        """Remove the holes that meet the range; return them."""
        those = (
            hole.c.extent == known.id,
            hole.c.first <= touched[1],
            hole.c.last >= touched[0],
        )
        columns = (hole.c.first, hole.c.last, hole.c.fate, hole.c.due_ms)
        taken = self._connection.execute(select(*columns).where(*those)).all()
        if taken:
            self._connection.execute(delete(hole).where(*those))
        return taken

    def _put_holes(self, known: Extent, ranges: Iterable[Range], fate: str, due_ms: int) -> None:
        of = {"extent": known.id, "hub": self._hub, "fate": str(fate), "due_ms": due_ms}
        rows = [of | {"first": first, "last": last} for first, last in ranges]
        if rows:
            self._connection.execute(insert(hole), rows)
