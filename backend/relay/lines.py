"""One row of the feed, with all that the ledger holds behind it, as it is emitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from backend.dating.judge import Judgement
from backend.naming import Measurement, Name, told_time
from backend.patients.days import Measured, clip
from backend.relay.relayed import (
    Channel,
    Device,
    Judged,
    Link,
    Observed,
    Origin,
    RawFrame,
    Received,
    Relayed,
    Series,
    Source,
)
from backend.utc import as_text
from drivers.spi import Metric
from uplink.fields import Attributes, Raw
from uplink.records import (
    DeviceRecord,
    EventRecord,
    ObservationFact,
    ReadingRecord,
    SeriesRecord,
)

ORIGINS: Sequence[Origin] = ("unknown", "live", "stored")
LINKS: Sequence[Link] = ("open", "encrypted", "bonded")
_NAMES: Mapping[int, str] = {metric.value: metric.name for metric in Metric}


class Told(NamedTuple):
    """A row of the feed: the reading, and the record and device that it was first seen in."""

    cursor: int
    revision: int
    measured: Measured
    name: Name
    record: Measurement
    device: DeviceRecord


class _Content(NamedTuple):
    """What only some kinds have; a failed measurement has the facts of its event."""

    raw: Raw
    kind: str = "reading"
    attributes: Attributes = MappingProxyType({})
    observations: Sequence[ObservationFact] = ()
    series: Series | None = None
    status: Sequence[str] = ()
    record_number: int | None = None


def make_line(told: Told, patient: str | None, day: date | None) -> Relayed:
    """What a sink gets; `patient` and `day` are None where they are not certain."""
    record, measured, name = told.record, told.measured, told.name
    content = _content(record)
    device_time = told_time(record)
    stamp = record.stamp
    return Relayed(
        version=1,
        cursor=told.cursor,
        reading_id=measured.reading.hex(),
        revision=told.revision,
        kind=content.kind,
        failed=measured.is_failed,
        record=Source(hub=name.hub, kid=name.kid.hex(), sequence=name.sequence),
        device=_device(told.device),
        slot=measured.slot,
        patient=patient,
        date=day.isoformat() if day else None,
        judged=_judged(measured.judgement, held=day is None),
        observations=[_observed(fact) for fact in content.observations],
        series=content.series,
        status=content.status,
        attributes=dict(content.attributes),
        device_time=device_time.isoformat() if device_time else None,
        record_number=content.record_number,
        origin=ORIGINS[0 if isinstance(record, EventRecord) else record.origin],
        link=None if isinstance(record, EventRecord) else LINKS[record.link],
        received=Received(
            hub=as_text(stamp.utc_ms, "milliseconds"),
            error_ms=1 << stamp.quality if stamp.quality else None,
            ledger=as_text(measured.received_ms, "milliseconds"),
        ),
        raw=[RawFrame(source=source, frame=data.hex()) for source, data in content.raw],
    )


def _content(record: Measurement) -> _Content:
    match record:
        case EventRecord():
            return _Content(record.raw, attributes=record.facts)
        case SeriesRecord():
            return _Content((record.raw,), "series", series=_series(record))
        case ReadingRecord():
            return _Content(
                record.raw,
                attributes=record.attributes,
                observations=record.observations,
                status=record.status,
                record_number=record.record_number,
            )


def _series(record: SeriesRecord) -> Series:
    return Series(
        count=record.count,
        rate=str(record.rate),
        duration_ms=record.duration_ms,
        channels=[
            Channel(
                metric=_NAMES.get(channel.metric),
                code=channel.metric,
                unit=channel.unit,
                runs=[(None if v is None else str(v), times) for v, times in channel.runs],
            )
            for channel in record.channels
        ],
        attributes=record.attributes,
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
        candidates=[
            (as_text(a, "milliseconds"), as_text(b, "milliseconds"))
            for a, b in clip(found).candidates
        ],
        reason=found.reason,
        held=held,
    )


def _observed(fact: ObservationFact) -> Observed:
    return Observed(
        metric=_NAMES.get(fact.metric), code=fact.metric, value=str(fact.value), unit=fact.unit
    )
