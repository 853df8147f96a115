"""From opened records to the facts that counting needs: sightings, device clocks, anchors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, tuple_

from backend.dating.placing import Place, Placed, add_anchors, boottime_ms, placing, when
from backend.devices import Device, bind_devices, load_devices
from backend.epochs import Epoch, Opened
from backend.naming import (
    CLOCK_SET,
    Measurement,
    Name,
    as_clock_fact,
    as_measurement,
    reading_id,
    told_time,
    user_slot,
)
from backend.rows import add_rows
from backend.tables import device_clock, reading, sighting, waiting
from uplink.records import ClockRecord, EventRecord, ReadingRecord, SeriesRecord, Stamp

Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Touched:
    """The readings that were seen, what got an instant, and what contradicts earlier facts.

    Of what is `new` the ledger knew nothing before; it comes with its sightings.
    """

    placed: Placed
    seen: set[int] = field(default_factory=set)
    new: dict[int, Rows] = field(default_factory=dict)
    conflicts: Sequence[str] = ()


class _Known(NamedTuple):
    """A record whose device is known."""

    opened: Opened
    device: Device


class _Named(NamedTuple):
    """A measurement of a device, by its reading_id."""

    opened: Opened
    device: Device
    record: Measurement
    reading_id: bytes


def add_facts(connection: Connection, begun: Iterable[Epoch], opened: Sequence[Opened]) -> Touched:
    """Add the facts of epochs that begin and of records that are new to the ledger.

    What a device measured or showed waits for its device record.
    """
    anchors = [when(epoch, 0, Stamp(0, *epoch.start[2:4])) for epoch in begun]
    anchors += [
        when(epoch, sequence, of.stamp)
        for epoch, sequence, of in opened
        if isinstance(of, ClockRecord)
    ]
    touched = Touched(add_anchors(connection, anchors))
    arrived, touched.conflicts = bind_devices(connection, opened)
    of_devices = [o for o in opened if as_measurement(o.record) or as_clock_fact(o.record)]
    of_devices += arrived
    devices = load_devices(connection, {o.epoch.id for o in of_devices})
    known = [_Known(o, devices[key]) for o in of_devices if (key := _key(o)) in devices]
    late = [
        {"epoch": key[0], "sequence": o.sequence, "number": key[1]}
        for o in of_devices
        if (key := _key(o)) not in devices
    ]
    add_rows(connection, waiting, late)
    place = placing(connection, ((o.epoch, o.record.stamp) for o, _ in known))
    _add_sightings(connection, known, place, touched)
    _add_clock_facts(connection, known, place, touched)
    return touched


def _add_sightings(
    connection: Connection, known: Iterable[_Known], place: Place, touched: Touched
) -> None:
    named = [
        _Named(opened, device, measured, _name(opened, device, measured))
        for opened, device in known
        if (measured := as_measurement(opened.record))
    ]
    seen_before, new = _enter_readings(connection, named)
    ids = seen_before | new
    counts = _count_sightings(connection, seen_before.values())
    touched.new = {number: [] for number in new.values()}
    rows: Rows = []
    for (epoch, sequence, _), device, measured, name in named:
        number, synced = of_kind = (ids[name], measured.stamp.quality > 0)
        counts[of_kind] = counts.get(of_kind, 0) + 1
        link = (0, 0) if isinstance(measured, EventRecord) else (measured.origin, measured.link)
        row = when(epoch, sequence, measured.stamp) | {
            "reading": number,
            "device": device.id,
            "synced": synced,
            "nth": counts[of_kind],
            "placed_ms": place(epoch, measured.stamp),
            "device_time": told_time(measured),
            "origin": link[0],
            "link": link[1],
        }
        rows.append(row)
        if number in touched.new:
            touched.new[number].append(row)
    touched.seen.update(ids.values())
    touched.placed.sightings.extend(
        (row["device"], row["placed_ms"], row["device_time"])
        for row in rows
        if row["placed_ms"] is not None
    )
    add_rows(connection, sighting, rows)


def _name(opened: Opened, device: Device, measured: Measurement) -> bytes:
    name = Name(opened.epoch.hub, opened.epoch.kid, opened.sequence)
    return reading_id(device.identity, name, measured)


def _enter_readings(
    connection: Connection, named: Iterable[_Named]
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """The ledger's numbers of the readings by reading_id: known ones, and new ones, now entered."""
    wanted: dict[bytes, dict[str, Any]] = {}
    for _, device, measured, name in named:
        row = {"reading_id": name, "device": device.id, "slot": user_slot(measured)}
        wanted.setdefault(name, row | {"failed": isinstance(measured, EventRecord)})
    if not wanted:
        return {}, {}
    ids = select(reading.c.reading_id, reading.c.id)
    found = connection.execute(ids.where(reading.c.reading_id.in_(list(wanted)))).all()
    known: dict[bytes, int] = dict(map(tuple, found))
    rows = [row for name, row in wanted.items() if name not in known]
    # Whoever writes is alone, and a reading is never removed: the next numbers are free.
    last = connection.scalar(select(func.max(reading.c.id))) if rows else None
    new = {row["reading_id"]: number for number, row in enumerate(rows, (last or 0) + 1)}
    add_rows(connection, reading, [row | {"id": new[row["reading_id"]]} for row in rows])
    return known, new


def _count_sightings(
    connection: Connection, readings: Collection[int]
) -> dict[tuple[int, bool], int]:
    if not readings:
        return {}
    of = (sighting.c.reading, sighting.c.synced)
    rows = connection.execute(
        select(*of, func.max(sighting.c.nth)).where(of[0].in_(readings)).group_by(*of)
    )
    return {(number, synced): nth for number, synced, nth in rows}


def _add_clock_facts(
    connection: Connection, known: Iterable[_Known], place: Place, touched: Touched
) -> None:
    rows: Rows = []
    for (epoch, sequence, of), device in known:
        if fact := as_clock_fact(of):
            asked = fact.asked_ms
            rows.append(
                when(epoch, sequence, fact.stamp)
                | {
                    "device": device.id,
                    "placed_ms": place(epoch, fact.stamp),
                    "device_time": fact.device_time,
                    "asked_ms": None if asked is None else boottime_ms(epoch, asked),
                    "is_set": fact.name == CLOCK_SET,
                }
            )
    for row in rows:
        if row["placed_ms"] is not None:
            touched.placed.clocks.append((row["device"], row["placed_ms"]))
        else:
            touched.placed.clocks.extend(_found_later(connection, row))
    add_rows(connection, device_clock, rows)


def _found_later(connection: Connection, fact: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """The clock facts before which one lies that has no instant; none where it comes in order."""
    name = tuple_(device_clock.c.epoch, device_clock.c.sequence)
    rows = select(device_clock.c.placed_ms).where(
        device_clock.c.epoch >= fact["epoch"],
        name > (fact["epoch"], fact["sequence"]),
        device_clock.c.device == fact["device"],
        device_clock.c.placed_ms.is_not(None),
    )
    for placed_ms in connection.scalars(rows):
        yield fact["device"], placed_ms


def _key(opened: Opened) -> tuple[int, int]:
    assert isinstance(opened.record, ReadingRecord | SeriesRecord | EventRecord)
    assert opened.record.device is not None
    return opened.epoch.id, opened.record.device
