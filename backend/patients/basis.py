"""What is stated of a patient's episode, and where its readings come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from backend.billing.facts import Facts, Reading
from backend.billing.zones import Zones, ZoneSince
from backend.errors import EpisodeUnknown, PatientUnknown
from backend.facts import kinds
from backend.facts.assignments import load_zones
from backend.facts.rows import Stated, load_stated
from backend.patients.courses import (
    RECURRING,
    STANDING,
    Course,
    entered_readings,
    find_courses,
    judge_by,
    of,
    time_entries,
)
from backend.patients.readings import Readings, load_shelf


class Basis(NamedTuple):
    """`facts` are without readings and times; `stated` is all that stands."""

    patient: str
    facts: Facts
    course: Course
    readings: Readings
    stated: list[Stated]
    until_ms: int | None

    def complete(self, readings: Iterable[Reading], recurring: Iterable[Stated]) -> Facts:
        """The facts with these readings, and with the times and entries that recur."""
        recurring = list(recurring)
        zones = self.facts.zones
        entered = [
            one
            for one in entered_readings(recurring)
            if one.measured and self.course.holds(zones.date_at(one.measured[0]))
        ]
        return msgspec.structs.replace(
            self.facts,
            readings=(*readings, *entered),
            time_entries=tuple(time_entries(recurring, self.facts.program)),
            devices=self.readings.devices,
        )


def load_basis(
    connection: Connection, patient: str, episode: int | None, until_ms: int | None
) -> Basis:
    """The basis of an episode, the last one where none is named.

    Raises PatientUnknown, EpisodeUnknown.
    """
    zones = load_zones(connection, patient, until_ms)
    if not zones.rows:
        raise PatientUnknown(patient)
    stated = load_stated(connection, patient, STANDING, until_ms=until_ms)
    courses = {course.number: course for course in find_courses(stated)}
    course = courses.get(max(courses, default=0) if episode is None else episode)
    if course is None:
        raise EpisodeUnknown(patient, episode)
    shelf = load_shelf(connection, patient, zones, of(stated, kinds.Device))
    lived = Zones(tuple(ZoneSince(since, zone) for since, zone in zones.rows))
    return Basis(
        patient,
        Facts(**judge_by(stated, course, lived)),
        course,
        Readings(connection, shelf, course, until_ms),
        stated,
        until_ms,
    )


def load_recurring(connection: Connection, basis: Basis) -> list[Stated]:
    """All times and entries."""
    return load_stated(connection, basis.patient, RECURRING, until_ms=basis.until_ms)
