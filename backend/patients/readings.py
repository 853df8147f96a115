"""A patient's readings and devices as the rules see them, from what the ledger has judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import NamedTuple

from sqlalchemy import Connection, Select, select

from backend import tables
from backend.billing import facts as judged
from backend.facts import kinds
from backend.facts.assignments import Assignment, Zones, load_assignments
from backend.naming import identity_bytes, identity_of
from backend.patients.courses import Course, span_of
from backend.patients.days import CLOCK_FAULT, Measured, date_of, load_measured
from backend.tables import assignment, reading
from backend.utc import as_instant

_ID = re.compile("[0-9a-f]{32}")
_ONE_DAY = timedelta(days=1)


class Shelf(NamedTuple):
    """The devices that are or were a patient's: their names, and to whom each was given."""

    patient: str
    zones: Zones
    names: Mapping[int, str]
    given: Sequence[Assignment]
    stated: Sequence[kinds.Device]

    @property
    def readings(self) -> Select[tuple[int]]:
        """The numbers of all that they have measured."""
        return select(reading.c.id).where(reading.c.device.in_(list(self.names)))


def load_shelf(
    connection: Connection, patient: str, zones: Zones, stated: Sequence[kinds.Device]
) -> Shelf:
    """The devices that were enrolled for the patient, or stated to be the patient's."""
    own = select(assignment.c.device).where(assignment.c.patient == patient)
    told = [_identity(one.device) for one in stated]
    rows = connection.execute(
        select(tables.device.c.id, tables.device.c.identity).where(
            tables.device.c.id.in_(own) | tables.device.c.identity.in_(told)
        )
    )
    names = {number: name_of(identity) for number, identity in rows}
    return Shelf(patient, zones, names, load_assignments(connection, names), stated)


class Readings:
    """Loads what can be the patient's within an episode, and the `devices` that it came from."""

    def __init__(
        self, connection: Connection, shelf: Shelf, course: Course, until_ms: int | None
    ) -> None:
        self._connection = connection
        self._shelf = shelf
        self._course = course
        self._until_ms = until_ms
        self._kinds = {one.device: one.kind.lower() for one in shelf.stated}
        self.numbers = sorted(shelf.names)
        numbers = {name: number for number, name in shelf.names.items()}
        stated = sorted({one.device for one in shelf.stated})
        self.devices = {name: self._device(name, numbers.get(name), None) for name in stated}

    def load_all(self) -> Iterator[judged.Reading]:
        """All of them."""
        return self.load(self._shelf.readings)

    def load(self, those: Select[tuple[int]]) -> Iterator[judged.Reading]:
        """These readings, as far as they are the patient's."""
        shelf = self._shelf
        for one in load_measured(self._connection, those, self._until_ms):
            day, reason, _ = date_of(one, shelf.zones)
            claims = [a for a in shelf.given if a.device == one.device and a.covers(day)]
            owners = {a.patient for a in claims if a.slot in {None, one.slot}}
            if not self._course.holds(day) or not self._can_be_own(claims, owners):
                continue
            name = shelf.names[one.device]
            key = name if one.slot is None else f"{name}#{one.slot}"
            if key not in self.devices:
                self.devices[key] = self._device(name, one.device, one.slot)
            yield judged.Reading(
                identity=one.reading.hex(),
                device=key,
                kind=self._kinds.get(name, ""),
                is_valid=not one.is_failed,
                is_attributed=len(owners) == 1 or not claims,
                is_live=one.is_live,
                clock="unknown" if reason == CLOCK_FAULT else "known",
                measured=_measured(one, shelf.zones),
                received=as_instant(one.received_ms),
            )

    def _can_be_own(self, claims: Sequence[Assignment], owners: set[str]) -> bool:
        """Whether nobody had the device, or the patient, or one of several of whom it says none."""
        patients = owners or {a.patient for a in claims}
        return not patients or self._shelf.patient in patients

    def _device(self, name: str, number: int | None, slot: int | None) -> judged.Device:
        stated = [d for d in self._shelf.stated if d.device == name and d.slot in {None, slot}]
        given = [one for one in self._shelf.given if one.device == number]
        spans = [
            judged.Span(one.from_date, one.to_date and one.to_date - _ONE_DAY)
            for one in given
            if one.patient == self._shelf.patient and one.slot in {None, slot}
        ]
        if not given and stated:
            spans = [judged.Span()]  # it was never enrolled
        if narrower := [span_of(one) for one in stated if one.first or one.last]:
            spans = [both for a, b in product(spans, narrower) if (both := _meet(a, b))]
        basis = stated[-1] if stated else None
        if basis is None:
            return judged.Device(is_defined=False, assigned=tuple(spans))
        is_evident = bool(basis.k510 or basis.listing or basis.udi)
        return judged.Device(
            is_device_captured=basis.captured,
            is_defined=is_evident and not basis.wellness,
            is_cleared=True if basis.k510 else basis.cleared,
            assigned=tuple(spans),
        )


def name_of(identity: bytes) -> str:
    """A device as people write it: MAKER/MODEL/SERIAL, or its random id in hex digits."""
    names = identity_of(identity)
    return names.hex() if isinstance(names, bytes) else "/".join(names)


def _identity(name: str) -> bytes:
    """A device as the ledger names it, from what people write; of an app nothing that is known."""
    if _ID.fullmatch(name):
        return bytes.fromhex(name)
    maker, _, rest = name.partition("/")
    model, _, serial = rest.rpartition("/")
    return identity_bytes((maker, model, serial))


def _meet(one: judged.Span, other: judged.Span) -> judged.Span | None:
    first = max((day for day in (one.first, other.first) if day), default=None)
    last = min((day for day in (one.last, other.last) if day), default=None)
    return None if first and last and last < first else judged.Span(first, last)


def _measured(one: Measured, zones: Zones) -> judged.Measured:
    """From the first to the last instant at which it can have been; none where nothing tells."""
    ends = [end for candidate in one.judgement.candidates for end in candidate]
    return (_local(min(ends), zones), _local(max(ends), zones)) if ends else None


def _local(ms: int, zones: Zones) -> datetime:
    """The instant, with the offset that the patient's zone has then."""
    at = as_instant(ms)
    offset = at.astimezone(zones.at(ms)).utcoffset()
    assert offset is not None
    return at.astimezone(timezone(offset))
