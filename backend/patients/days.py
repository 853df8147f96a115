"""A patient's local days: which are qualifying, and why the others are not.

A day qualifies by one reading that is no failed measurement, whose whole measuring interval lies
within that local date, and whose device (and user slot) was this patient's on it. Reasons bear the
names that the billing rules use, and STRADDLES_MIDNIGHT, for which they have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Select, func, select

from backend.dating.judge import LIVE, Interval, Judgement, local_date
from backend.dating.judging import load_judgements
from backend.errors import PatientUnknown
from backend.facts.assignments import Assignment, Zones, load_assignments, load_zones
from backend.tables import assignment, reading, record, sighting

INVALID_READING = "INVALID_READING"  # the device itself says that it failed
CLOCK_FAULT = "CLOCK_FAULT"
STRADDLES_MIDNIGHT = "STRADDLES_MIDNIGHT"
FUTURE_TIMESTAMP = "FUTURE_TIMESTAMP"
NOT_ASSIGNED = "NOT_ASSIGNED"
BEFORE_START = "BEFORE_START"

FUTURE_MS = 300_000  # a hub's clock may be ahead of ours by this much

_ONE_DAY = timedelta(days=1)
_FIRST_MS, _LAST_MS = (
    int(datetime(*day, tzinfo=UTC).timestamp() * 1000) for day in ((1, 1, 2), (9999, 12, 30))
)


@dataclass(slots=True)
class Day:
    """A local date: the readings that count on it, and how many do not, by reason."""

    date: date
    reading_ids: list[bytes] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)

    @property
    def readings(self) -> int:
        """How many readings count on it."""
        return len(self.reading_ids)

    @property
    def is_counted(self) -> bool:
        """Whether it is a qualifying day."""
        return self.readings > 0


class Held(NamedTuple):
    """A reading whose local date is not certain: kept, listed, not counted.

    `detail` is the judge's own reason; `shown` is the day under which the calendar lists it.
    """

    reading: bytes
    reason: str
    detail: str
    candidates: Sequence[Interval]
    shown: date


class Measured(NamedTuple):
    """A reading as counting sees it; `received_ms` is when it first came to the ledger."""

    reading: bytes
    device: int
    slot: int | None
    is_failed: bool
    judgement: Judgement
    received_ms: int
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a patient, in order; from the start of monitoring on, none is left out."""

    patient: str
    zone: str
    days: Sequence[Day]
    held: Sequence[Held]

    @property
    def qualifying_days(self) -> int:
        """How many days count."""
        return sum(day.is_counted for day in self.days)


def load_calendar(connection: Connection, patient: str, month: date | None) -> Calendar:
    """The calendar of one month, or of all days since the first. Raises PatientUnknown."""
    zones = load_zones(connection, patient)
    if not zones.rows:
        raise PatientUnknown(patient)
    own = select(assignment.c.device).where(assignment.c.patient == patient).distinct()
    devices = connection.scalars(own).all()
    assignments = load_assignments(connection, devices)
    readings = select(reading.c.id).where(reading.c.device.in_(devices))
    measured = load_measured(connection, readings)
    return make_calendar(patient, zones, assignments, measured, month)


def make_calendar(
    patient: str,
    zones: Zones,
    assignments: Sequence[Assignment],
    measured: Iterable[Measured],
    month: date | None = None,
) -> Calendar:
    """Count. `assignments` are all those of the patient's devices, to whomever."""
    start = min(given.from_date for given in assignments if given.patient == patient)
    days = {start: Day(start)}
    held = []
    for one in measured:
        day, reason, detail = date_of(one, zones)
        claims = [a for a in assignments if a.is_for(one.device, one.slot) and a.covers(day)]
        patients = {given.patient for given in claims}
        if patients and patient not in patients:
            continue
        if not patients and not reason:
            reason = BEFORE_START if day < start else NOT_ASSIGNED
        if detail:
            held.append(Held(one.reading, reason, detail, one.judgement.candidates, day))
        shown = days.setdefault(day, Day(day))
        if reason:
            shown.excluded[reason] += 1
        else:
            shown.reading_ids.append(one.reading)
    first, last = _month(month) if month else (start, max(days))
    span = {first + n * _ONE_DAY for n in range((last - first).days + 1)}
    if month:
        held = [one for one in held if one.shown in span]
    else:
        span |= days.keys()
    listed = [days.get(day, Day(day)) for day in sorted(span)]
    return Calendar(patient, zones.on(last).key, listed, held)


def date_of(one: Measured, zones: Zones) -> tuple[date, str, str]:
    """The local date; or the date to show it under, why it does not count, and what is held."""
    found = one.judgement
    ends = [end for candidate in found.candidates for end in candidate]
    in_force = {zones.at(end) for end in ends}
    # A move begins at a midnight: what lies on both sides of it has no one date.
    day = local_date(found, in_force.pop()) if len(in_force) == 1 else None
    is_future = bool(ends) and ends[0] > one.received_ms + FUTURE_MS
    shown_ms = one.received_ms if is_future or not ends else ends[0]
    shown = datetime.fromtimestamp(shown_ms // 1000, zones.at(shown_ms)).date()
    if one.is_failed:
        return day or shown, INVALID_READING, ""
    if is_future:
        return shown, FUTURE_TIMESTAMP, ""
    if day is not None:
        return day, "", ""
    if len(found.candidates) == 1:
        return shown, STRADDLES_MIDNIGHT, "interval-over-midnight"
    return shown, CLOCK_FAULT, found.reason or "several-offsets"


def _month(month: date) -> tuple[date, date]:
    following = (month.replace(day=28) + 4 * _ONE_DAY).replace(day=1)
    return month.replace(day=1), following - _ONE_DAY


def load_measured(
    connection: Connection, those: Select[tuple[int]], until_ms: int | None = None
) -> Iterator[Measured]:
    """The readings of these numbers, as the ledger knew them at an instant."""
    judgements = load_judgements(connection, those, until_ms)
    known = () if until_ms is None else (record.c.received_ms <= until_ms,)
    rows = connection.execute(
        select(
            reading.c.id,
            reading.c.reading_id,
            reading.c.device,
            reading.c.slot,
            reading.c.failed,
            func.min(record.c.received_ms),
            func.max(sighting.c.origin == LIVE),
        )
        .join(sighting, sighting.c.reading == reading.c.id)
        .join(
            record,
            (record.c.epoch == sighting.c.epoch) & (record.c.sequence == sighting.c.sequence),
        )
        .where(reading.c.id.in_(those), *known)
        .group_by(reading.c.id)
    )
    for number, name, device, slot, failed, received_ms, live in rows:
        if number in judgements:
            found = clip(judgements[number][1])
            yield Measured(name, device, slot, failed, found, received_ms, bool(live))


def clip(found: Judgement) -> Judgement:
    """The judgement within the years that a calendar has; a device can claim to be older."""
    ends = ((max(_FIRST_MS, min(end, _LAST_MS)) for end in c) for c in found.candidates)
    return replace(found, candidates=tuple(Interval(*pair) for pair in ends))
