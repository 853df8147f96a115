"""Raw frames, decoded again by the driver that decoded them on the hub; values that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backend.naming import Measurement
from drivers.errors import DriverError
from drivers.plausibility import find_implausible
from drivers.replay import replay
from drivers.spi import Driver, Frame, Reading, Series
from uplink.records import DeviceRecord, EventRecord, SeriesRecord


def find_fault(record: Measurement, device: DeviceRecord, drivers: Mapping[str, Driver]) -> str:
    """What a measurement's raw frames, decoded again, do not confirm; empty where they do."""
    driver = drivers.get(device.driver)
    if driver is None:
        return f"its driver {device.driver} is not installed"
    raw = (record.raw,) if isinstance(record, SeriesRecord) else record.raw
    frames = [Frame(*each) for each in raw]
    try:
        items = list(replay(driver, device.name, frames))
    except DriverError as error:
        return f"its frames do not decode: {error}"
    readings = [item for item in items if isinstance(item, Reading | Series)]
    if len(readings) != 1 or isinstance(readings[0], Series) != isinstance(record, SeriesRecord):
        return f"its frames give {len(readings)} readings"
    said, sealed = _as_decoded(readings[0]), _as_sealed(record)
    differing = [name for name, value in sealed.items() if said[name] != value]
    return f"its frames say another {', '.join(differing)}" if differing else ""


def _as_decoded(reading: Reading | Series) -> dict[str, Any]:
    if isinstance(reading, Series):
        return {
            "failed": reading.failed,
            "attributes": dict(reading.attributes),
            "count": reading.count,
            "rate": reading.rate.as_tuple(),
            "channels": [
                (int(of.metric), str(of.unit), _exact(of.runs)) for of in reading.channels
            ],
        }
    return {
        "failed": reading.failed,
        "device_time": reading.device_time,
        "attributes": dict(reading.attributes),
        "record_number": reading.record_number,
        "status": tuple(reading.status),
        # As tuples: 120 and 1.20E+2 are equal, and were not sent alike.
        "observations": [
            (int(o.metric), o.value.as_tuple(), str(o.unit)) for o in reading.observations
        ],
    }


def _as_sealed(record: Measurement) -> dict[str, Any]:
    """What the record tells of the reading; that of a failed measurement has fewer facts."""
    if isinstance(record, SeriesRecord):
        return {
            "failed": False,
            "attributes": dict(record.attributes),
            "count": record.count,
            "rate": record.rate.as_tuple(),
            "channels": [(of.metric, of.unit, _exact(of.runs)) for of in record.channels],
        }
    if isinstance(record, EventRecord):
        facts = {"failed": True, "attributes": dict(record.facts)}
        return facts | {"device_time": record.device_time}
    return {
        "failed": False,
        "device_time": record.device_time,
        "attributes": dict(record.attributes),
        "record_number": record.record_number,
        "status": record.status,
        "observations": [(o.metric, o.value.as_tuple(), o.unit) for o in record.observations],
    }


def _exact(runs: Iterable[tuple[Decimal | None, int]]) -> list[tuple[Any, int]]:
    return [(None if value is None else value.as_tuple(), length) for value, length in runs]


def find_flags(record: Measurement) -> tuple[str, ...]:
    """What in a measurement cannot be so; it is kept and counted all the same."""
    if isinstance(record, EventRecord):
        return ()
    stamp = record.stamp
    received = datetime.fromtimestamp(stamp.utc_ms / 1000, UTC).replace(tzinfo=None)
    if isinstance(record, SeriesRecord):
        values = (
            (of.metric, value, of.unit)
            for of in record.channels
            for value, _ in of.runs
            if value is not None
        )
        return find_implausible(values)
    trusted = received if stamp.quality else None
    return find_implausible(record.observations, record.device_time, trusted)
