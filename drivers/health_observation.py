"""Observations of the Generic Health Sensor Service: self-describing, by MDC codes.

Source: Generic Health Sensor Service 1.0, Health Observation Body, after the models of ISO/IEEE
        11073-10206; read beside two public servers of it: the STM32WBA sample of ST, whose
        lengths count what follows them as here, and ghss_gatt_svc of Realtek
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from drivers import elapsed_time
from drivers.elapsed_time import Stamp
from drivers.errors import DecodeError
from drivers.health_units import MDC_CODE, unit_of
from drivers.metrics import metric_of, name_of
from drivers.reader import Reader
from drivers.spi import Observation

NUMERIC, DISCRETE, TEXT, SAMPLES, DISCRETE_EVENTS, STATES, COMPOUND = range(1, 8)
BUNDLE = 255
SPECIFIC_PARTITION = 0x10000  # a term needs its partition to be told from others
STATUS = (
    "invalid",
    "questionable",
    "not_available",
    "calibrating",
    "test_data",
    "early_estimate",
    "manually_entered",
    "setting",
    *(f"status_bit_{bit}" for bit in range(8, 14)),
    "threshold_error",
    "thresholding_disabled",
)


@dataclass(slots=True)
class Body:
    """What one observation says, or the observations of a bundle together."""

    observations: list[Observation] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    special: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    facts: dict[str, int | str] = field(default_factory=dict)


class _Part(NamedTuple):
    """What is read, and what is told of it: a member of a bundle keeps its ids to itself."""

    reader: Reader
    frame: bytes
    body: Body
    facts: dict[str, int | str]


def decode_body(value: bytes, start: int = 0) -> Body:
    """All of the value from byte `start` on. Raises DecodeError."""
    reader = Reader(value)
    reader.take(start)
    body = Body()
    _read_body(_Part(reader, value, body, body.facts), is_member=False)
    reader.end()
    return body


def _read_body(part: _Part, *, is_member: bool) -> None:
    reader, frame, body, facts = part
    start = reader.at
    kind, length = reader.uint(1), reader.uint(2)
    end = reader.at + length
    if length > reader.left:
        raise DecodeError(f"length says {length}, {reader.left} follow", frame, start + 1)
    flags = reader.uint(2)
    metric = _read_metric(part) if flags & 0x0001 else None
    _read_attributes(part, flags)
    if kind == BUNDLE and not is_member:
        for _ in range(reader.uint(1)):
            _read_body(_Part(reader, frame, body, {}), is_member=True)
    elif metric is None:
        raise DecodeError("an observation that does not say of what", frame, start)
    elif kind == COMPOUND:
        facts["compound"] = name_of(metric)
        for _ in range(reader.uint(1)):
            component = _read_metric(part)
            _read_value(part, reader.uint(1), component)
    else:
        _read_value(part, kind, metric)
    if reader.at != end:
        raise DecodeError(f"length is {length}, not {reader.at - end + length}", frame, start + 1)


def _read_metric(part: _Part) -> int:
    at = part.reader.at
    code = part.reader.uint(4)
    if code < SPECIFIC_PARTITION:
        raise DecodeError("an observation of no partition", part.frame, at)
    return metric_of(code)


def _read_attributes(part: _Part, flags: int) -> None:
    """In the order of their flags; what is not listed has a length that nobody knows."""
    reader, frame, body, facts = part
    if flags & 0x0002:
        body.stamps.append(elapsed_time.read(reader, frame))
    if flags & 0x0004:
        facts["duration_s"] = str(reader.float32())
    if flags & 0x0008:
        bits = reader.uint(2)
        body.status += [name for bit, name in enumerate(STATUS) if bits >> bit & 1]
    if flags & 0x0010:
        facts["observation_id"] = reader.uint(4)
    if flags & 0x0020:
        body.users.append(reader.uint(1))
    for flag, name in ((0x0040, "supplemental"), (0x0080, "derived_from"), (0x0100, "member_of")):
        if flags & flag:
            codes = [reader.uint(4) for _ in range(reader.uint(1))]
            told = map(name_of, codes) if name == "supplemental" else map(str, codes)
            facts[name] = " ".join(told)
    if flags & 0x0200:
        facts["tlvs"] = " ".join(_read_tlv(part) for _ in range(reader.uint(1)))
    if flags & 0xFC00:
        facts["unknown_flags"] = flags & 0xFC00


def _read_tlv(part: _Part) -> str:
    """The name of an attribute that stands in the raw frame alone: type, length, format, value."""
    name = name_of(part.reader.uint(4))
    length = part.reader.uint(2)
    part.reader.take(1 + length)
    return name


def _read_value(part: _Part, kind: int, metric: int) -> None:
    read = _VALUES.get(kind)
    if read is None:
        raise DecodeError(f"values of class {kind} are not read", part.frame, part.reader.at)
    read(part, metric)


def _read_numeric(part: _Part, metric: int) -> None:
    unit = unit_of(part.reader.uint(2))
    value = part.reader.float32()
    if isinstance(value, Decimal):
        part.body.observations.append(Observation(metric, value, unit))
    else:
        part.body.special[name_of(metric)] = str(value)


def _read_discrete(part: _Part, metric: int) -> None:
    code = Decimal(part.reader.uint(4))
    part.body.observations.append(Observation(metric, code, MDC_CODE))


def _read_text(part: _Part, metric: int) -> None:
    text = part.reader.take(part.reader.uint(2)).decode(errors="replace").rstrip("\0")
    part.body.texts[name_of(metric)] = text


def _read_discrete_events(part: _Part, metric: int) -> None:
    for _ in range(part.reader.uint(1)):
        _read_discrete(part, metric)


def _read_states(part: _Part, metric: int) -> None:
    """Which bits there are, which of them are states, and what they say, in hex as sent."""
    size = part.reader.uint(1)
    part.body.states[name_of(metric)] = " ".join(part.reader.take(size).hex() for _ in range(3))


_VALUES: dict[int, Callable[[_Part, int], None]] = {
    NUMERIC: _read_numeric,
    DISCRETE: _read_discrete,
    TEXT: _read_text,
    DISCRETE_EVENTS: _read_discrete_events,
    STATES: _read_states,
}
