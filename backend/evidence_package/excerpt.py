"""What of a ledger makes some readings judgeable anew: epochs, and records of them, as sealed.

Of an epoch of the period everything is taken, so that its checkpoint's chain can be followed; but
no record of another person's device or user slot, nor of a device that was not this patient's then.
What is left out is named by its range. Of other epochs come the records that bear on the judgement:
readings and clocks of the same device within their reach (backend.evidence_package.bearing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from backend import tables
from backend.completeness.rule import Fate
from backend.enrolment.membership import load_sign_keys
from backend.epochs import Epoch, Opener, make_epoch
from backend.errors import EvidenceRefused
from backend.evidence_package.asked import Asked
from backend.evidence_package.bearing import Key, find_bearing
from backend.evidence_package.people import People
from backend.naming import as_measurement, user_slot
from backend.ranges import Range, as_ranges, merge, subtract
from uplink.errors import SealError, WireError
from uplink.keys import DataKey
from uplink.records import DeviceRecord, Record, decode
from uplink.seal import verify_statement
from uplink.statements import KeyRecord


class Told(NamedTuple):
    """What an excerpt tells of records that are not in it: by kid, ranges of sequences."""

    withheld: Mapping[bytes, Sequence[Range]] = {}
    refused: Mapping[bytes, Sequence[Range]] = {}


class Taken(NamedTuple):
    """A record of the excerpt, opened; `nth` is its place among the sightings of its `reading`.

    `reading` is the ledger's number of it; None of what is no reading.
    """

    epoch: Epoch
    sequence: int
    received_ms: int
    reading: int | None
    nth: int
    sealed: bytes
    record: Record


@dataclass(slots=True)
class Excerpt:
    """Of hubs by name: all `epochs` (rows), and of those with records what opens and bounds them.

    `stored` are the ranges that the ledger has, those that are withheld among them.
    """

    hubs: Sequence[str] = ()
    epochs: Sequence[Row[Any]] = ()
    keys: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    records: list[Taken] = field(default_factory=list)
    stored: dict[bytes, list[Range]] = field(default_factory=dict)
    withheld: dict[bytes, list[Range]] = field(default_factory=dict)


class Cutter:
    """Cuts excerpts out of the ledger of one connection, as it was at an instant."""

    def __init__(
        self,
        connection: Connection,
        opener: Opener,
        people: People,
        asked: Asked,
        told: Told,
    ) -> None:
        self._connection = connection
        self._opener = opener
        self._assignments = people.own(asked.patient)
        self._devices = {row["id"] for row in people.device}
        self._until_ms = asked.as_of_ms
        self._told = told

    def cut(self, names: Iterable[bytes], span_ms: Range | None) -> Excerpt:
        """What makes the readings of these reading_ids judgeable; the span is the period's."""
        bearing = find_bearing(self._connection, names, self._until_ms)
        numbers = {number for number, _ in bearing.seen | bearing.beside}
        hubs = self._connection.scalars(
            select(tables.epoch.c.hub).where(tables.epoch.c.id.in_(numbers)).distinct()
        ).all()
        table = tables.epoch
        rows = self._connection.execute(
            select(table)
            .where(table.c.hub.in_(hubs), table.c.received_ms <= self._until_ms)
            .order_by(table.c.id)
        ).all()
        found = Excerpt(sorted(hubs), rows)
        whole = {number for number, _ in bearing.seen}
        for row in rows:
            record = self._verify(row, load_sign_keys(self._connection, row.hub))
            if row.id in whole or _begins_within(record, span_ms):
                self._take(found, row, record, bearing.seen, None)
            elif row.id in numbers:
                self._take(found, row, record, bearing.seen, bearing.beside)
        found.records = _as_came(found.records)
        return found

    def _verify(self, row: Row[Any], sign_keys: Sequence[bytes]) -> KeyRecord:
        try:
            record = verify_statement(row.key_record, sign_keys)
        except (SealError, WireError) as error:
            raise EvidenceRefused(f"hub {row.hub}, epoch {row.kid.hex()}: {error}") from error
        assert isinstance(record, KeyRecord), "intake keeps no other"
        return record

    def _take(
        self,
        found: Excerpt,
        of: Row[Any],
        key_record: KeyRecord,
        seen: set[Key],
        beside: set[Key] | None,
    ) -> None:
        """Add what is taken of an epoch: all that is the patient's, or what lies `beside`."""
        rows = self._load_records(of.id)
        if not rows:
            return
        key = self._reveal(key_record)
        data_key = DataKey(key_record.hub, key_record.kid, key, key_record.base_iv)
        epoch = make_epoch(of.id, key_record, data_key)
        devices = self._load_devices(epoch)
        own = {number for number, device in devices.items() if device in self._devices}
        taken = []
        for row in rows:
            record = self._open_record(epoch, row)
            name = (epoch.id, row.sequence)
            if record is not None and (
                name in seen
                or (
                    self._may_tell(row, record, devices, own) and (beside is None or name in beside)
                )
                or (isinstance(record, DeviceRecord) and record.device in own)
            ):
                as_came = (row.sequence, row.received_ms, row.reading, row.nth or 0, row.sealed)
                taken.append(Taken(epoch, *as_came, record))
        if all(isinstance(one.record, DeviceRecord) for one in taken):
            return
        found.records += taken
        found.keys[epoch.kid] = key
        told = self._told.withheld.get(epoch.kid, ())
        found.stored[epoch.kid] = merge([*as_ranges(row.sequence for row in rows), *told])
        shown = as_ranges(one.sequence for one in taken)
        if left_out := subtract(found.stored[epoch.kid], shown):
            found.withheld[epoch.kid] = left_out

    def _reveal(self, record: KeyRecord) -> bytes:
        try:
            return self._opener.reveal(record)
        except SealError as error:
            raise EvidenceRefused(f"hub {record.hub}, epoch {record.kid.hex()}: {error}") from error

    def _may_tell(
        self, row: Row[Any], record: Record, devices: Mapping[int, int], own: set[int]
    ) -> bool:
        """Whether the record tells of nobody but this patient."""
        number = getattr(record, "device", None)
        if number is None:
            return True
        if number not in own:
            return False
        if measured := as_measurement(record):
            at_ms = row.received_ms if row.placed_ms is None else row.placed_ms
            day = datetime.fromtimestamp(at_ms // 1000, UTC).date()
            of = (devices[number], user_slot(measured))
            return any(a.is_for(*of) and a.covers(day) for a in self._assignments)
        return True

    def _open_record(self, epoch: Epoch, row: Row[Any]) -> Record | None:
        """The record; none where nobody can read, and so tell, whose it is."""
        try:
            return decode(epoch.key.open(row.sequence, row.sealed), epoch.start)
        except WireError:
            return None
        except SealError as error:
            raise EvidenceRefused(f"hub {epoch.hub}, epoch {epoch.kid.hex()}: {error}") from error

    def _load_records(self, epoch: int) -> list[Row[Any]]:
        record, sighting = tables.record, tables.sighting
        same = (sighting.c.epoch == record.c.epoch) & (sighting.c.sequence == record.c.sequence)
        rows = self._connection.execute(
            select(
                *(record.c.sequence, record.c.received_ms, record.c.sealed),
                *(sighting.c.reading, sighting.c.nth, sighting.c.placed_ms),
            )
            .outerjoin(sighting, same)
            .where(record.c.epoch == epoch, record.c.received_ms <= self._until_ms)
            .order_by(record.c.sequence)
        )
        return [*rows]

    def _load_devices(self, epoch: Epoch) -> dict[int, int]:
        """The ledger's number of each device that the epoch names."""
        table = tables.epoch_device
        rows = select(table.c.number, table.c.device).where(table.c.epoch == epoch.id)
        return dict(self._connection.execute(rows).all())


def load_refused(connection: Connection) -> dict[bytes, list[Range]]:
    """What the ledger has refused for good, by epoch."""
    extent, hole = tables.extent, tables.hole
    rows = connection.execute(
        select(extent.c.kid, hole.c.first, hole.c.last)
        .join(hole, hole.c.extent == extent.c.id)
        .where(hole.c.fate == Fate.REFUSED)
    )
    found: dict[bytes, list[Range]] = {}
    for kid, first, last in rows:
        found.setdefault(kid, []).append((first, last))
    return {kid: merge(ranges) for kid, ranges in found.items()}


def _as_came(records: Iterable[Taken]) -> list[Taken]:
    """In the order of receipt; of one instant a reading's sightings in theirs.

    They are numbered anew among those that are taken, as they were received: where one is left out,
    or waited for a device record, the ledger that is made of them has other numbers than this one.
    """
    counts: Counter[int] = Counter()
    placed = []
    for one in sorted(records, key=lambda of: (of.received_ms, of.nth)):
        nth = 0
        if one.reading is not None:
            nth, counts[one.reading] = counts[one.reading], counts[one.reading] + 1
        placed.append((one.received_ms, nth, one.epoch.id, one.sequence, one))
    return [one for *_, one in sorted(placed, key=lambda place: place[:4])]


def _begins_within(record: KeyRecord, span_ms: Range | None) -> bool:
    """Whether the epoch begins in the period, by the hub's own clock where that was set."""
    if span_ms is None or not record.start.quality:
        return False
    return span_ms[0] <= record.start.utc_ms < span_ms[1]


def by_hub(excerpt: Excerpt) -> Iterator[tuple[str, list[Row[Any]]]]:
    """The epochs of each hub, in the order in which they came."""
    for hub in excerpt.hubs:
        yield hub, [row for row in excerpt.epochs if row.hub == hub]
