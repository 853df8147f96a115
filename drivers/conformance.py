"""What every driver keeps to, ours and anyone's: rules that are checked on its golden frames.

`docs/drivers.md` says each rule in words; `check` names the one that is broken.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, get_args

from drivers.conformance_golden import Case, GoldenError, load_cases, tell
from drivers.conformance_imports import find_strangers
from drivers.errors import DecodeError, LinkError, UnexpectedReply
from drivers.metrics import name_of
from drivers.replay import replay
from drivers.spi import (
    RX,
    Driver,
    DriverInfo,
    Frame,
    Item,
    Line,
    Metric,
    Reading,
    Series,
    Undecodable,
)

RULES = {
    "info": "Correct `info`; DriverInfo in drivers/spi.py says what each field holds.",
    "imports": "Import the standard library and drivers.spi alone; the link lends all else.",
    "golden": "Ship golden/<id>.toml in the package of the driver's module; see docs/drivers.md.",
    "said": "Compare the decoder with the case's source, and correct the one that is wrong.",
    "raw": "Hand on every frame as it came: it is the evidence.",
    "cut": "Raise DecodeError for every frame that is not whole, and catch it in the session.",
    "bytes": "Let the framer keep what it was fed until a frame is whole.",
    "metrics": "Name every metric that comes out in `info.metrics`; values are Decimal, as sent.",
    "writes": "Name in `info.writes` or `info.commands` what is written, or write something else.",
    "repr": "Yield the items of drivers.spi as they are; no error may quote its frame.",
}
NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  a device's clock states no zone
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Finding(NamedTuple):
    """A rule that a driver breaks, how, and what to do."""

    driver: str
    rule: str
    what: str
    hint: str


class _Played(NamedTuple):
    items: list[Item]
    written: list[Frame]
    fault: str
    ends: str = ""


def check(driver: Driver) -> list[Finding]:
    """Every rule that the driver breaks, each finding once."""
    found = dict.fromkeys(_check(driver))
    name = str(getattr(driver.info, "id", type(driver).__name__))
    return [Finding(name, rule, what, RULES[rule]) for rule, what in found]


def count_cases(driver: Driver) -> int:
    """How many golden cases the driver ships; 0 where they cannot be used."""
    try:
        return len(load_cases(driver))
    except GoldenError:
        return 0


def _check(driver: Driver) -> Iterator[tuple[str, str]]:
    faults = list(_find_faults(driver))
    yield from (("info", fault) for fault in faults)
    yield from (("imports", what) for what in find_strangers(type(driver).__module__))
    if faults:
        return
    try:
        cases = load_cases(driver)
    except GoldenError as error:
        yield "golden", str(error)
        return
    for case in cases:
        for rule, what in _check_case(driver, case):
            yield rule, f"{case.id}: {what}"


def _find_faults(driver: Driver) -> Iterator[str]:
    info: object = driver.info
    if not isinstance(info, DriverInfo):
        yield f"info is a {type(info).__name__}"
        return
    if not ID.fullmatch(info.id):
        yield f"id is {info.id!r}, wanted letters a to z, digits and -"
    if not info.version:
        yield "version is empty"
    if not info.metrics or not all(isinstance(metric, Metric) for metric in info.metrics):
        yield "metrics are none, or not all of them a Metric"
    if not inspect.isasyncgenfunction(driver.session):
        yield "session is no async generator"
    yield from _find_faults_of_transport(info)


def _find_faults_of_transport(info: DriverInfo) -> Iterator[str]:
    match info.transport:
        case "ble":
            if not info.match and not info.names:
                yield "neither match nor names says how the device is known"
            if not info.characteristics:
                yield "characteristics are none"
            if strangers := set(info.writes) - set(info.characteristics):
                yield f"writes {', '.join(sorted(strangers))}, which is no characteristic of it"
        case "serial":
            if not isinstance(info.line, Line) or info.line.baud <= 0 or not _is_line(info.line):
                yield "line is none that a port can be set to"
            if not all(info.commands):
                yield "a command is empty, and would allow all"
        case other:
            yield f"transport is {other!r}, wanted ble or serial"


def _is_line(line: Line) -> bool:
    return line.bytesize in range(5, 9) and line.parity in {*"NEO"} and line.stopbits in {1, 2}


def _check_case(driver: Driver, case: Case) -> Iterator[tuple[str, str]]:
    played = _play(driver, case, case.frames)
    if played.fault:
        yield "said", played.fault
        return
    said = [tell(item) for item in played.items]
    said += [{"ends": played.ends}] if played.ends else []
    if said != list(case.expected):
        yield "said", f"it says {said}, its source {list(case.expected)}"
    if not case.is_stream and _raw(played.items) not in _evidence(driver.info, case):
        yield "raw", "the items do not hold the frames as they came"
    yield from _check_items(driver.info, played)
    if not case.is_stream:
        yield from (("cut", what) for what in _check_cuts(driver, case))
    if driver.info.transport == "serial":
        yield from (("bytes", what) for what in _check_bytes(driver, case, played))


def _evidence(info: DriverInfo, case: Case) -> tuple[bytes, bytes]:
    """All frames; those that are no answer to what the driver wrote."""
    unasked = (frame for frame in case.frames if frame.source not in info.writes)
    return b"".join(f.data for f in case.frames), b"".join(f.data for f in unasked)


def _check_items(info: DriverInfo, played: _Played) -> Iterator[tuple[str, str]]:
    for item in played.items:
        if type(item) not in get_args(Item):
            yield "repr", f"it yields a {type(item).__name__}"
        elif isinstance(item, Undecodable):
            words = f"{item.error} {item.error!r}"
            if any(len(f.data) > 1 and f.data.hex() in words for f in item.raw):
                yield "repr", "an error quotes its frame"
        for metric in sorted(_metrics(item) - set(info.metrics)):
            if not info.any_metric:
                yield "metrics", f"{name_of(metric)} comes out and is not promised"
        if not all(value is None or type(value) is Decimal for value in _values(item)):
            yield "metrics", "a value is no Decimal"
    yield from (("writes", what) for what in _check_writes(info, played.written))


def _check_writes(info: DriverInfo, written: Iterable[Frame]) -> Iterator[str]:
    for source, value in written:
        if info.transport == "serial":
            if not any(value.startswith(command) for command in info.commands):
                yield f"it writes {value.hex()}, which begins as none of its commands"
        elif source not in info.writes:
            yield f"it writes {source}, which is not in its writes"


def _check_cuts(driver: Driver, case: Case) -> Iterator[str]:
    for frame in case.frames:
        is_first = frame.source in (RX, *driver.info.characteristics[:1])
        for size in range(len(frame.data)):
            cut = Frame(frame.source, frame.data[:size])
            if is_first and (fault := _decode_cut(driver, cut.data, case.name)):
                yield f"decode of {size} bytes of a frame {fault}"
            played = _play(driver, case, (cut,))
            if played.fault:
                yield f"{size} bytes of a frame: {played.fault}"
            elif driver.info.transport == "ble":
                kinds = [type(item) for item in played.items]
                if kinds != [Undecodable] and (kinds or not played.ends):
                    yield f"{size} bytes of a frame are not one Undecodable"
            elif any(not isinstance(item, Undecodable) for item in played.items):
                yield f"{size} bytes of a frame are taken for a whole one"
            elif _raw(_play(driver, case, case.frames).items) and not _raw(
                _play(driver, case, (cut, frame, frame)).items
            ).endswith(frame.data):
                yield f"after {size} bytes of a frame a whole one is not found"


def _decode_cut(driver: Driver, cut: bytes, name: str) -> str:
    """What is wrong with how the module's `decode(frame)` or `decode(frame, name)` takes it."""
    decode: Callable[..., object] | None
    decode = getattr(sys.modules[type(driver).__module__], "decode", None)
    if decode is None:
        return ""
    for given in ((cut, name), (cut,)):
        with suppress(TypeError):
            inspect.signature(decode).bind(*given)
            break
    else:
        return ""
    try:
        decode(*given)
    except DecodeError:
        return ""
    except Exception as error:  # noqa: BLE001  whatever a stranger's code raises is the finding
        return f"raises {type(error).__name__}"
    return "raises nothing"


def _check_bytes(driver: Driver, case: Case, played: _Played) -> Iterator[str]:
    sent = b"".join(frame.data for frame in case.frames)
    wanted = [(tell(item), _raw([item])) for item in played.items]
    ways = {"all at once": (sent,), "byte by byte": [sent[i : i + 1] for i in range(len(sent))]}
    for way, chunks in ways.items():
        other = _play(driver, case, [Frame(RX, chunk) for chunk in chunks])
        if other.fault or [(tell(item), _raw([item])) for item in other.items] != wanted:
            yield f"{way} it says something else{': ' if other.fault else ''}{other.fault}"


def _play(driver: Driver, case: Case, frames: Sequence[Frame]) -> _Played:
    items: list[Item] = []
    written: list[Frame] = []
    try:
        for item in replay(
            driver,
            case.name,
            frames,
            on_write=lambda source, value: written.append(Frame(source, value)),
            now=NOON,
        ):
            items.append(item)  # noqa: PERF402  what came before a fault is wanted
    except (LinkError, UnexpectedReply) as error:
        return _Played(items, written, "", type(error).__name__)
    except Exception as error:  # noqa: BLE001  whatever a stranger's code raises is the finding
        return _Played(items, written, f"it raises {type(error).__name__}")
    return _Played(items, written, "")


def _raw(items: Iterable[Item]) -> bytes:
    frames: list[Frame] = []
    for item in items:
        raw: Any = getattr(item, "raw", ())
        frames += [raw] if isinstance(raw, Frame) else raw
    return b"".join(frame.data for frame in frames)


def _values(item: Item) -> Iterator[object]:
    match item:
        case Reading():
            yield from (seen.value for seen in item.observations)
        case Series():
            yield from (run.value for of in item.channels for run in of.runs)


def _metrics(item: Item) -> set[int]:
    match item:
        case Reading():
            return {seen.metric for seen in item.observations}
        case Series():
            return {of.metric for of in item.channels}
        case _:
            return set()
