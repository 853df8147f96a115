"""Who was monitored by which device, as a package tells it: other patients have no name there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from backend import tables
from backend.evidence_package.rows import as_dicts
from backend.facts.assignments import Assignment

Rows = list[dict[str, Any]]
ANOTHER = "another-"
_AT_ONCE = 500  # names in one statement


class People(NamedTuple):
    """Rows of the ledger: the patient, and whoever shared a device or had it before or after."""

    patient: Rows
    patient_zone: Rows
    device: Rows
    assignment: Rows

    def own(self, patient: str) -> list[Assignment]:
        """The patient's own assignments."""
        return [Assignment(**row) for row in self.assignment if row["patient"] == patient]


def load_people(connection: Connection, patient: str, readings: Iterable[bytes]) -> People:
    """Everybody of whom the patient's devices tell, in the order of enrolment.

    They are those that were enrolled for the patient, and those that the readings come from.
    """
    table, zone = tables.assignment, tables.patient_zone
    own = select(table.c.device).where(table.c.patient == patient).distinct()
    devices = set(connection.scalars(own))
    names = sorted(readings)
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        of = select(tables.reading.c.device).where(tables.reading.c.reading_id.in_(some))
        devices.update(connection.scalars(of.distinct()))
    given = as_dicts(
        connection.execute(
            select(table).where(table.c.device.in_(devices)).order_by(table.c.id)
        ).all()
    )
    others = [row["patient"] for row in given if row["patient"] != patient]
    called = {patient: patient} | {
        other: f"{ANOTHER}{number}" for number, other in enumerate(dict.fromkeys(others), 1)
    }
    zones = connection.execute(
        select(zone).where(zone.c.patient.in_(list(called))).order_by(zone.c.from_date)
    ).all()
    return People(
        [{"id": name} for name in called.values()],
        sorted(
            (_rename(row, called) for row in as_dicts(zones)),
            key=lambda row: (row["patient"], row["from_date"]),
        ),
        as_dicts(
            connection.execute(
                select(tables.device)
                .where(tables.device.c.id.in_(devices))
                .order_by(tables.device.c.id)
            ).all()
        ),
        [_rename(row, called) for row in given],
    )


def _rename(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return dict(row) | {"patient": names[row["patient"]]}
