"""Whose a reading is and on which date it was measured: as the calendar sees it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import Connection

from backend.facts.assignments import Assignment, Zones, load_assignments, load_zones
from backend.patients.days import Measured, clip, date_of


class Patients:
    """The patients of some devices, as one connection sees them."""

    def __init__(self, connection: Connection, devices: Iterable[int]) -> None:
        self._assignments = load_assignments(connection, devices)
        self._zones: Mapping[str, Zones] = {
            name: load_zones(connection, name) for name in {a.patient for a in self._assignments}
        }

    def find(self, one: Measured) -> tuple[str | None, date | None]:
        """The patient who had the device, and slot, at all times at which it can have been.

        And the one local date on which it was; None where either is not certain.
        """
        one = one._replace(judgement=clip(one.judgement), is_failed=False)
        patients = {a.patient for a in self._assignments if self._covers(a, one)}
        if len(patients) != 1:
            return None, None
        patient = patients.pop()
        day, reason, _ = date_of(one, self._zones[patient])
        return patient, None if reason else day

    def _covers(self, given: Assignment, one: Measured) -> bool:
        zones = self._zones[given.patient]
        ends = [end for candidate in one.judgement.candidates for end in candidate]
        days = (datetime.fromtimestamp(end // 1000, zones.at(end)).date() for end in ends)
        is_own = bool(ends) and given.is_for(one.device, one.slot)
        return is_own and all(given.covers(day) for day in days)
