"""One row of the feed, with all that the ledger holds behind it, as it is emitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from backend.days import Measured, clip
from backend.judge import Judgement
from backend.naming import Name
from backend.relayed import (
    Device,
    Judged,
    Link,
    Observed,
    Origin,
    RawFrame,
    Received,
    Relayed,
    Source,
    as_instant,
)
from drivers.spi import Metric
from uplink.fields import Attributes
from uplink.records import DeviceRecord, EventRecord, ObservationFact, ReadingRecord

ORIGINS: Sequence[Origin] = ("unknown", "live", "stored")
LINKS: Sequence[Link] = ("open", "encrypted", "bonded")
_NAMES: Mapping[int, str] = {metric.value: metric.name for metric in Metric}


class Told(NamedTuple):
    """A row of the feed: the reading, and the record and device that it was first seen in."""

    cursor: int
    revision: int
    measured: Measured
    name: Name
    record: ReadingRecord | EventRecord
    device: DeviceRecord


class _Content(NamedTuple):
    """What only a reading has; a failed measurement has the facts of its event."""

    attributes: Attributes
    observations: Sequence[ObservationFact] = ()
    status: Sequence[str] = ()
    record_number: int | None = None
    origin: Origin = ORIGINS[0]
    link: Link | None = None


def make_line(told: Told, patient: str | None, day: date | None) -> Relayed:
    """What a sink gets; `patient` and `day` are None where they are not certain."""
    record, measured, name = told.record, told.measured, told.name
    content = _content(record)
    stamp = record.stamp
    return Relayed(
        version=1,
        cursor=told.cursor,
        reading_id=measured.reading.hex(),
        revision=told.revision,
        kind="reading",
        failed=measured.is_failed,
        record=Source(hub=name.hub, kid=name.kid.hex(), sequence=name.sequence),
        device=_device(told.device),
        slot=measured.slot,
        patient=patient,
        date=day.isoformat() if day else None,
        judged=_judged(measured.judgement, held=day is None),
        observations=[_observed(fact) for fact in content.observations],
        series=None,
        status=content.status,
        attributes=content.attributes,
        device_time=record.device_time.isoformat() if record.device_time else None,
        record_number=content.record_number,
        origin=content.origin,
        link=content.link,
        received=Received(
            hub=as_instant(stamp.utc_ms),
            error_ms=1 << stamp.quality if stamp.quality else None,
            ledger=as_instant(measured.received_ms),
        ),
        raw=[RawFrame(source=source, frame=data.hex()) for source, data in record.raw],
    )


def _content(record: ReadingRecord | EventRecord) -> _Content:
    if isinstance(record, EventRecord):
        return _Content(record.facts)
    return _Content(
        record.attributes,
        record.observations,
        record.status,
        record.record_number,
        ORIGINS[record.origin],
        LINKS[record.link],
    )


def _device(record: DeviceRecord) -> Device:
    maker, model, serial = (
        (None, None, None) if isinstance(record.identity, bytes) else record.identity
    )
    return Device(
        maker=maker,
        model=model,
        serial=serial,
        id=record.identity.hex() if isinstance(record.identity, bytes) else None,
        driver=record.driver,
        driver_version=record.driver_version,
        firmware=record.firmware or None,
    )


def _judged(found: Judgement, *, held: bool) -> Judged:
    return Judged(
        method=found.method.value,
        candidates=[(as_instant(a), as_instant(b)) for a, b in clip(found).candidates],
        reason=found.reason,
        held=held,
    )


def _observed(fact: ObservationFact) -> Observed:
    return Observed(
        metric=_NAMES.get(fact.metric), code=fact.metric, value=str(fact.value), unit=fact.unit
    )
