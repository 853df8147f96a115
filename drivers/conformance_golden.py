"""Golden frames: what a driver must make of bytes, as `golden/<id>.toml` beside its module says."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from drivers.spi import (
    RX,
    Battery,
    ClockRead,
    ClockSet,
    DeviceInformation,
    Driver,
    Item,
    Reading,
    Series,
    Undecodable,
)


class GoldenError(Exception):
    """The golden file cannot be used; the text says why."""


class Case(NamedTuple):
    """Frames of one characteristic, or of a serial line, and what they say.

    `is_stream` says that the frames are what a line brought, cut anywhere.
    """

    id: str
    characteristic: str
    name: str
    frames: tuple[bytes, ...]
    is_stream: bool
    expected: tuple[Mapping[str, Any], ...]


def load_cases(driver: Driver) -> list[Case]:
    """The cases of the file. Raises GoldenError."""
    place = sys.modules[type(driver).__module__].__package__
    if not place:
        raise GoldenError("its module lies in no package, so nothing can be shipped beside it")
    file = files(place) / "golden" / f"{driver.info.id}.toml"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        cases = [_understand(driver, table, case) for case in table["case"]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise GoldenError(f"{file}: {type(error).__name__}: {error}") from error
    if not cases or len({case.id for case in cases}) < len(cases):
        raise GoldenError(f"{file}: wanted cases, each with an id of its own")
    return cases


def tell(item: Item) -> dict[str, Any]:
    """An item in the words of a golden file."""
    match item:
        case Reading():
            return {
                "device_time": item.device_time,
                "status": list(item.status),
                "origin": str(item.origin),
                "failed": item.failed,
                "observations": {o.metric.name: f"{o.value} {o.unit}" for o in item.observations},
                "attributes": dict(item.attributes),
            }
        case Series():
            return {
                "count": item.count,
                "rate": str(item.rate),
                "failed": item.failed,
                "channels": {
                    of.metric.name: " ".join([*_runs(of.runs), of.unit]) for of in item.channels
                },
                "attributes": {name: " ".join(_runs(of)) for name, of in item.attributes.items()},
            }
        case Undecodable(error):
            return {"error_at": error.at}
        case ClockRead(time) | ClockSet(time):
            return {"clock": time}
        case Battery(percent):
            return {"battery": percent}
        case DeviceInformation():
            names = ("maker", "model", "serial", "firmware")
            return {"device_information": {name: getattr(item, name) for name in names}}


def _understand(driver: Driver, table: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    case = {**table, **case}
    if not case["source"]:
        raise ValueError(f"{case['id']}: says no source")
    is_stream = "stream" in case
    sent = [case["stream"]] if is_stream else case["frames"]
    return Case(
        id=str(case["id"]),
        characteristic=RX if driver.info.transport == "serial" else str(case["characteristic"]),
        name=str(case.get("name", "")),
        frames=tuple(bytes.fromhex(frame) for frame in sent),
        is_stream=is_stream,
        expected=tuple(_complete(expected) for expected in case["expected"]),
    )


def _complete(expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file may leave out, added."""
    if "channels" in expected:
        return {"count": 1, "failed": False, "attributes": {}, **expected}
    if expected.keys() & {"error_at", "clock", "battery", "device_information"}:
        return expected
    reading: dict[str, Any] = {"device_time": None, "status": [], "origin": "unknown"}
    return {**reading, "failed": False, "observations": {}, "attributes": {}, **expected}


def _runs(runs: Iterable[tuple[Any, int]]) -> Iterator[str]:
    for value, length in runs:
        word = "none" if value is None else str(value)
        yield word if length == 1 else f"{word}*{length}"
