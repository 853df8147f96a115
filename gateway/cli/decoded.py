"""Items of a driver as JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from drivers import record_access
from drivers.errors import DecodeError
from drivers.metrics import name_of
from drivers.plausibility import find_implausible
from drivers.spi import (
    Battery,
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceEvent,
    DeviceInformation,
    Driver,
    Frame,
    Item,
    Reading,
    Series,
    Undecodable,
)


def as_facts(driver: Driver, item: Item) -> dict[str, Any]:
    """The item, as docs/commands.md says it."""
    match item:
        case Reading():
            return {"driver": driver.info.id, **_reading(item)}
        case Series():
            return {"driver": driver.info.id, **_series(item)}
        case DeviceEvent():
            return {"driver": driver.info.id, **_event(item)}
        case Undecodable(error):
            return {
                "error": {
                    "kind": type(error).__name__,
                    "what": error.what,
                    "at": error.at,
                    "frame": error.frame.hex(),
                }
            }
        case _:
            return _say(item)


def _say(item: ClockRead | ClockSet | Battery | Bookmark | DeviceInformation) -> dict[str, Any]:
    match item:
        case ClockRead(time) | ClockSet(time):
            return {"clock": time.isoformat() if time else None}
        case Battery(percent):
            return {"battery": percent}
        case Bookmark(value):
            return {"bookmark": value}
        case DeviceInformation():
            names = ("maker", "model", "serial", "firmware")
            return {"device_information": {name: getattr(item, name) for name in names}}


def _event(event: DeviceEvent) -> dict[str, Any]:
    return {
        "event": event.name,
        "device_time": event.device_time.isoformat() if event.device_time else None,
        "facts": dict(event.facts),
        "raw": [frame.data.hex() for frame in event.raw],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "observations": [
            {"metric": name_of(seen.metric), "value": format(seen.value, "f"), "unit": seen.unit}
            for seen in reading.observations
        ],
        "device_time": reading.device_time.isoformat() if reading.device_time else None,
        "record_number": reading.record_number,
        "status": reading.status,
        "failed": reading.failed,
        "origin": reading.origin,
        "attributes": reading.attributes,
        # Whenever it came, it came before now.
        "implausible": find_implausible(
            ((int(seen.metric), seen.value, str(seen.unit)) for seen in reading.observations),
            reading.device_time,
            datetime.now(UTC).replace(tzinfo=None),
        ),
        "raw": [frame.data.hex() for frame in reading.raw],
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "series": [
            {
                "metric": name_of(of.metric),
                "unit": of.unit,
                "runs": [
                    [None if value is None else format(value, "f"), length]
                    for value, length in of.runs
                ],
            }
            for of in series.channels
        ],
        "count": series.count,
        "rate": format(series.rate, "f"),
        "origin": series.origin,
        "failed": series.failed,
        "attributes": series.attributes,
        "raw": [series.raw.data.hex()],
    }


def tell_answers(frames: Sequence[Frame]) -> Iterator[dict[str, Any]]:
    """What a device says at its record access control point, which is no item."""
    for source, data in frames:
        if source == record_access.CONTROL_POINT:
            with suppress(DecodeError):
                request, outcome, records = record_access.decode(data)
                yield {
                    "record_access": {
                        "request": _word(record_access.Opcode, request),
                        "outcome": _word(record_access.Outcome, outcome),
                        "records": records,
                    }
                }


def _word(names: type[IntEnum], value: int) -> str | int:
    try:
        return names(value).name.lower()
    except ValueError:
        return value
