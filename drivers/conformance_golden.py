"""Golden frames: what a driver must make of bytes, as `golden/<id>.toml` beside its module says."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from drivers.metrics import name_of
from drivers.spi import (
    RX,
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

_WHOLE = {"error_at", "clock", "battery", "device_information", "bookmark", "ends"}


class GoldenError(Exception):
    """The golden file cannot be used; the text says why."""


class Case(NamedTuple):
    """Frames of one characteristic, or of a serial line, and what they say.

    `is_stream` says that the frames are what a line brought, cut anywhere.
    """

    id: str
    name: str
    frames: tuple[Frame, ...]
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
                "observations": {
                    name_of(o.metric): f"{o.value} {o.unit}" for o in item.observations
                },
                "attributes": dict(item.attributes),
            }
        case Series():
            return {
                "count": item.count,
                "rate": str(item.rate),
                "failed": item.failed,
                "channels": {
                    name_of(of.metric): " ".join([*_runs(of.runs), of.unit]) for of in item.channels
                },
                "attributes": {name: " ".join(_runs(of)) for name, of in item.attributes.items()},
            }
        case DeviceEvent(name, _, time, facts):
            return {"event": {"name": name, "device_time": time, "facts": dict(facts)}}
        case Undecodable(error):
            return {"error_at": error.at}
        case _:
            return _say(item)


def _say(item: ClockRead | ClockSet | Battery | Bookmark | DeviceInformation) -> dict[str, Any]:
    match item:
        case ClockRead(time) | ClockSet(time):
            return {"clock": time}
        case Battery(percent):
            return {"battery": percent}
        case Bookmark(value):
            return {"bookmark": value}
        case DeviceInformation():
            names = ("maker", "model", "serial", "firmware")
            return {"device_information": {name: getattr(item, name) for name in names}}


def _understand(driver: Driver, table: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    case = {**table, **case}
    if not case["source"]:
        raise ValueError(f"{case['id']}: says no source")
    is_stream = "stream" in case
    sent = [case["stream"]] if is_stream else case["frames"]
    source = RX if driver.info.transport == "serial" else str(case["characteristic"])
    return Case(
        id=str(case["id"]),
        name=str(case.get("name", "")),
        frames=tuple(_frame(source, words, driver.info.characteristics) for words in sent),
        is_stream=is_stream,
        expected=tuple(_complete(expected) for expected in case["expected"]),
    )


def _frame(source: str, words: str, known: Sequence[str]) -> Frame:
    """The frame in hex, which may stand behind a characteristic of its own."""
    own, _, data = words.partition(" ")
    return Frame(own, bytes.fromhex(data)) if own in known else Frame(source, bytes.fromhex(words))


def _complete(expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file may leave out, added."""
    if "channels" in expected:
        return {"count": 1, "failed": False, "attributes": {}, **expected}
    if "event" in expected:
        return {"event": {"device_time": None, "facts": {}, **expected["event"]}}
    if expected.keys() & _WHOLE:
        return expected
    reading: dict[str, Any] = {"device_time": None, "status": [], "origin": "unknown"}
    return {**reading, "failed": False, "observations": {}, "attributes": {}, **expected}


def _runs(runs: Iterable[tuple[Any, int]]) -> Iterator[str]:
    for value, length in runs:
        word = "none" if value is None else str(value)
        yield word if length == 1 else f"{word}*{length}"
