"""Observations of the Generic Health Sensor Service: self-describing, by MDC codes.

Source: Generic Health Sensor Service 1.0, Health Observation Body, after the models of ISO/IEEE
        11073-10206; read beside two public servers of it: the STM32WBA sample of ST, whose
        lengths count what follows them as here, and ghss_gatt_svc of Realtek
"""

from __future__ import annotations

from drivers import health_elapsed_time
from drivers.errors import DecodeError
from drivers.health_values import Body, Part, read_metric, read_value
from drivers.metrics import name_of
from drivers.reader import Reader

COMPOUND = 7
BUNDLE = 255
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


def decode_body(value: bytes, start: int = 0) -> Body:
    """All of the value from byte `start` on. Raises DecodeError."""
    reader = Reader(value)
    reader.take(start)
    body = Body()
    _read_body(Part(reader, value, body, body.facts), is_member=False)
    reader.end()
    return body


def _read_body(part: Part, *, is_member: bool) -> None:
    reader, frame, body, facts = part
    start = reader.at
    kind, length = reader.uint(1), reader.uint(2)
    end = reader.at + length
    if length > reader.left:
        raise DecodeError(f"length says {length}, {reader.left} follow", frame, start + 1)
    flags = reader.uint(2)
    metric = read_metric(part) if flags & 0x0001 else None
    _read_attributes(part, flags)
    if kind == BUNDLE and not is_member:
        for _ in range(reader.uint(1)):
            _read_body(Part(reader, frame, body, {}), is_member=True)
    elif metric is None:
        raise DecodeError("an observation that does not say of what", frame, start)
    elif kind == COMPOUND:
        facts["compound"] = name_of(metric)
        for _ in range(reader.uint(1)):
            component = read_metric(part)
            read_value(part, reader.uint(1), component)
    else:
        read_value(part, kind, metric)
    if reader.at != end:
        raise DecodeError(f"length is {length}, not {reader.at - end + length}", frame, start + 1)


def _read_attributes(part: Part, flags: int) -> None:
    """In the order of their flags; what is not listed has a length that nobody knows."""
    reader, frame, body, facts = part
    if flags & 0x0002:
        body.stamps.append(health_elapsed_time.read(reader, frame))
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


def _read_tlv(part: Part) -> str:
    """The name of an attribute that stands in the raw frame alone: type, length, format, value."""
    name = name_of(part.reader.uint(4))
    length = part.reader.uint(2)
    part.reader.take(1 + length)
    return name
