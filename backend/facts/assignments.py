"""Who is monitored: which device measures for which patient, and in which zone that one lives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from backend.facts.kinds import Patient
from backend.facts.rows import load_stated
from backend.tables import assignment, patient_zone

PATIENT = "patient"


class Zones(NamedTuple):
    """A patient's zone history, oldest first: each zone is in force from its own local midnight.

    The first one holds for the time before as well.
    """

    rows: Sequence[tuple[date, ZoneInfo]]

    def on(self, day: date) -> ZoneInfo:
        """The zone in force on a local date."""
        return self._last(day >= since for since, _ in self.rows)

    def at(self, utc_ms: int) -> ZoneInfo:
        """The zone in force at an instant."""
        return self._last(utc_ms >= midnight_ms(since, zone) for since, zone in self.rows)

    def _last(self, begun: Iterable[bool]) -> ZoneInfo:
        return self.rows[max(0, sum(begun) - 1)][1]


class Assignment(NamedTuple):
    """A device, or one user slot of it, that measures for a patient; `to_date` is not included."""

    id: int
    device: int
    slot: int | None
    patient: str
    from_date: date
    to_date: date | None

    def is_for(self, device: int, slot: int | None) -> bool:
        """Whether it speaks of this device and slot; an assignment without a slot takes all."""
        return self.device == device and self.slot in {None, slot}

    def covers(self, day: date) -> bool:
        """Whether the local date lies within it."""
        return self.from_date <= day and (self.to_date is None or day < self.to_date)


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """The instant at which a local date begins."""
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)


def load_zones(connection: Connection, patient: str, until_ms: int | None = None) -> Zones:
    """The zone history of a patient; empty where nobody has enrolled or stated one.

    What is stated holds before what was enrolled for the same date.
    """
    rows = connection.execute(
        select(patient_zone.c.from_date, patient_zone.c.zone).where(
            patient_zone.c.patient == patient
        )
    )
    history = dict(map(tuple, rows))
    for stated in load_stated(connection, patient, [PATIENT], until_ms=until_ms):
        assert isinstance(stated.body, Patient)
        history[stated.body.since] = stated.body.zone
    return Zones([(since, ZoneInfo(zone)) for since, zone in sorted(history.items())])


def load_assignments(connection: Connection, devices: Iterable[int]) -> list[Assignment]:
    """All assignments of the devices, to whomever, oldest first."""
    columns = (getattr(assignment.c, name) for name in Assignment._fields)
    rows = connection.execute(
        select(*columns)
        .where(assignment.c.device.in_(list(devices)))
        .order_by(assignment.c.from_date)
    )
    return [Assignment(*row) for row in rows]
