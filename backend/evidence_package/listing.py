"""The readings, days and devices of a package, one by one and in plain words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from backend import tables
from backend.billing.facts import Reading
from backend.billing.periods import LENGTH
from backend.billing.reasons import WORDS, Exclusion
from backend.billing.verdict import Verdict
from backend.dating.judging import load_judgements
from backend.evidence_package.excerpt import Excerpt, Taken
from backend.evidence_package.rows import spell
from backend.naming import Name, as_measurement, identity_bytes, reading_id
from backend.patients.readings import name_of
from uplink.records import DeviceRecord, EventRecord, ReadingRecord, SeriesRecord

_AT_ONCE = 500


def list_readings(
    connection: Connection,
    verdict: Verdict,
    readings: Sequence[Reading],
    excerpt: Excerpt,
    until_ms: int,
) -> list[dict[str, Any]]:
    """Every reading once for each fact of it: when, by which clocks, from which records."""
    counted = {one.reading: one for one in verdict.counted}
    excluded: dict[str, list[Exclusion]] = defaultdict(list)
    for identity, why in verdict.excluded:
        excluded[identity].append(why)
    records = _group(excerpt)
    judged = _load_judged(connection, [r.identity for r in readings], until_ms)
    listed = []
    for reading in readings:
        one = counted.get(reading)
        reason = None if one else _take_reason(excluded[reading.identity])
        zone = verdict.period.zone if verdict.period else None
        listed.append(
            spell(
                {
                    "identity": reading.identity,
                    "device": reading.device,
                    "kind": reading.kind,
                    "says": reading.says,
                    "counted_on": one and one.day,
                    "period": one and one.number,
                    "reason": reason,
                    "why": WORDS[reason] if reason else None,
                    "measured": [_at(at, zone) for at in reading.measured or ()],
                    "received": reading.received and _at(reading.received, zone),
                    "clock": reading.clock,
                    "is_live": reading.is_live,
                    "is_manual": reading.is_manual,
                    "is_valid": reading.is_valid,
                    "is_attributed": reading.is_attributed,
                    "judged": judged.get(reading.identity),
                    "records": [_tell(of) for of in records.get(reading.identity, ())],
                }
            )
        )
    return listed


def list_days(verdict: Verdict, readings: Iterable[Reading]) -> list[dict[str, Any]]:
    """The thirty rows of the period; what is excluded stands on the date where it would be."""
    if verdict.period is None:
        return []
    number, first, _, zone = verdict.period
    shown = {first + timedelta(days=n) for n in range(LENGTH)}
    names: dict[date, list[tuple[datetime, str]]] = defaultdict(list)
    for one in verdict.counted:
        if one.number == number:
            assert one.reading.received is not None
            began = (one.reading.measured or (one.reading.received,))[0]
            names[one.day].append((began, one.reading.identity))
    why: dict[date, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, list[Exclusion]] = defaultdict(list)
    for identity, reason in verdict.excluded:
        reasons[identity].append(reason)
    for reading in readings:
        at = reading.measured[0] if reading.measured else reading.received
        if reasons[reading.identity] and at and (day := at.astimezone(zone).date()) in shown:
            why[day][reasons[reading.identity][0]] += 1
    listed = []
    for day in sorted(shown):
        of_day = sorted(names[day])
        listed.append(
            {
                "date": day.isoformat(),
                "counted": bool(of_day),
                "readings": [identity for _, identity in of_day],
                "first_measured": _at(of_day[0][0], zone) if of_day else None,
                "excluded": dict(sorted(why[day].items())),
            }
        )
    return listed


def list_devices(rows: Iterable[Mapping[str, Any]], excerpt: Excerpt) -> list[dict[str, Any]]:
    """The patient's devices as they name readings, and all that records say of each."""
    said: dict[bytes, set[tuple[str, ...]]] = defaultdict(set)
    for of in excerpt.records:
        if isinstance(of.record, DeviceRecord):
            one = of.record
            words = (one.driver, one.driver_version, one.transport, one.name)
            stated = (one.maker, one.model, one.serial, one.firmware)
            said[identity_bytes(one.identity)].add(words + stated)
    names = (
        "driver",
        "driver_version",
        "transport",
        "name",
        "maker",
        "model",
        "serial",
        "firmware",
    )
    return [
        {
            "device": name_of(row["identity"]),
            "said": [dict(zip(names, of, strict=True)) for of in sorted(said[row["identity"]])],
        }
        for row in rows
    ]


def _take_reason(reasons: list[Exclusion]) -> Exclusion | None:
    """The next reason under this name: the same reading may be there several times."""
    return reasons.pop(0) if reasons else None


def _group(excerpt: Excerpt) -> dict[str, list[Taken]]:
    """The records of each reading, by its name made anew."""
    identities: dict[tuple[bytes, int], bytes] = {}
    for of in excerpt.records:
        if isinstance(of.record, DeviceRecord):
            key = (of.epoch.kid, of.record.device)
            identities.setdefault(key, identity_bytes(of.record.identity))
    found: dict[str, list[Taken]] = defaultdict(list)
    for of in excerpt.records:
        measured = as_measurement(of.record)
        if measured is None or measured.device is None:
            continue
        identity = identities.get((of.epoch.kid, measured.device))
        if identity is not None:
            name = Name(of.epoch.hub, of.epoch.kid, of.sequence)
            found[reading_id(identity, name, measured).hex()].append(of)
    return found


def _load_judged(
    connection: Connection, identities: Sequence[str], until_ms: int
) -> dict[str, dict[str, Any]]:
    """What the judge of time said of each by then: how, and between which instants."""
    table = tables.reading
    names = []
    for identity in identities:
        try:
            names.append(bytes.fromhex(identity))
        except ValueError:
            continue  # typed by a person: no clock tells of it
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        ids = connection.execute(
            select(table.c.id, table.c.reading_id).where(table.c.reading_id.in_(some))
        ).all()
        judgements = load_judgements(connection, [row.id for row in ids], until_ms)
        for number, name in ids:
            if number not in judgements:
                continue  # it came later
            one = judgements[number][1]
            candidates = [list(interval) for interval in one.candidates]
            said = {"method": one.method, "reason": one.reason, "candidates_ms": candidates}
            found[name.hex()] = said
    return found


def _tell(of: Taken) -> dict[str, Any]:
    """A record that tells of the reading, with the frames and values that it holds."""
    record = of.record
    told: dict[str, Any] = {
        "hub": of.epoch.hub,
        "kid": of.epoch.kid,
        "sequence": of.sequence,
        "received_ms": of.received_ms,
        "hub_clock": record.stamp._asdict(),
    }
    if isinstance(record, SeriesRecord):
        return told | {"frames": record.count, "seconds": record.duration_ms // 1000}
    measured = as_measurement(record)
    assert isinstance(measured, ReadingRecord | EventRecord)
    told |= {"frames": measured.raw, "device_time": measured.device_time}
    if isinstance(measured, ReadingRecord):
        told["observations"] = [one._asdict() for one in measured.observations]
        told |= {"record_number": measured.record_number, "status": measured.status}
    return told


def _at(at: datetime, zone: tzinfo | None) -> dict[str, str]:
    """An instant where the patient lived, with its offset, and in UTC."""
    return {
        "local": at.astimezone(zone).isoformat() if zone else at.isoformat(),
        "utc": at.astimezone(UTC).isoformat(),
    }
