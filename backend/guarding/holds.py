"""How long a patient's data must stay: ten years, and while a legal hold holds.

Nothing is ever deleted here. What is listed as older than the retention is what a person may decide
about.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from backend.errors import HoldRefused, PatientUnknown
from backend.facts.log import Noted, digest_of
from backend.facts.missing import LEGAL_HOLD, find_missing
from backend.tables import assignment, legal_hold, patient, reading, record, sighting

YEARS = 10


class Hold(NamedTuple):
    """Whether a patient's data are on hold, by whom, and why."""

    is_held: bool
    by: str
    because: str
    entered_ms: int


class Kept(NamedTuple):
    """A patient's readings: how many came before `before`, and what else keeps them.

    `missing` counts facts that were typed and are not in the ledger: one may be a hold.
    """

    patient: str
    readings: int
    older: int
    first_ms: int | None
    last_ms: int | None
    hold: Hold | None
    missing: int

    @property
    def is_held(self) -> bool:
        """Whether nothing of it may be deleted, however old."""
        return bool(self.missing) or (self.hold is not None and self.hold.is_held)


def enter_hold(connection: Connection, patient_id: str, hold: Hold) -> Noted:
    """Enter that a hold begins or ends. Raises PatientUnknown or HoldRefused."""
    if connection.scalar(select(patient.c.id).where(patient.c.id == patient_id)) is None:
        raise PatientUnknown(patient_id)
    before = load_hold(connection, patient_id)
    if hold.is_held == (before is not None and before.is_held):
        said = "is on hold already" if hold.is_held else "is on no hold"
        raise HoldRefused(patient_id, said)
    # Its place in the row of holds is part of it: one may begin, end and begin again alike.
    count = select(func.count()).select_from(legal_hold).where(legal_hold.c.patient == patient_id)
    body = {"is_held": hold.is_held, "because": hold.because, "nth": connection.scalar(count)}
    digest = digest_of(patient_id, LEGAL_HOLD, body)
    row = {"patient": patient_id, "digest": digest} | hold._asdict()
    connection.execute(insert(legal_hold).values(row))
    return Noted(patient_id, LEGAL_HOLD, digest, hold.by, hold.entered_ms)


def load_hold(connection: Connection, patient_id: str) -> Hold | None:
    """The last word about a patient's hold; None where there never was one."""
    columns = (legal_hold.c[name] for name in Hold._fields)
    rows = select(*columns).where(legal_hold.c.patient == patient_id)
    row = connection.execute(rows.order_by(legal_hold.c.id.desc()).limit(1)).one_or_none()
    return Hold(*row) if row else None


def load_kept(connection: Connection, now_ms: int) -> list[Kept]:
    """Every patient's readings and how many are older than the retention, by when they came."""
    before = retention_ends_ms(now_ms)
    return [
        _load_patient(connection, name, before)
        for name in connection.scalars(select(patient.c.id).order_by(patient.c.id)).all()
    ]


def retention_ends_ms(now_ms: int) -> int:
    """The instant ten calendar years before: what came earlier need not be kept any longer."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    try:
        then = today.replace(year=today.year - YEARS)
    except ValueError:
        then = date(today.year - YEARS, 2, 28)
    return int(datetime(then.year, then.month, then.day, tzinfo=UTC).timestamp() * 1000)


def _load_patient(connection: Connection, name: str, before: int) -> Kept:
    devices = select(assignment.c.device).where(assignment.c.patient == name)
    same = (record.c.epoch == sighting.c.epoch) & (record.c.sequence == sighting.c.sequence)
    # The last sighting of each: what was sent again is kept as long as its newest record.
    came = (
        select(func.max(record.c.received_ms).label("ms"))
        .join(sighting, same)
        .join(reading, reading.c.id == sighting.c.reading)
        .where(reading.c.device.in_(devices))
        .group_by(reading.c.id)
        .subquery()
    )
    older = func.count().filter(came.c.ms < before)
    count, old, first, last = connection.execute(
        select(func.count(), older, func.min(came.c.ms), func.max(came.c.ms)).select_from(came)
    ).one()
    missing = len(find_missing(connection, name))
    return Kept(name, count, old, first, last, load_hold(connection, name), missing)
