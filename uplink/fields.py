"""How the parts of a record are written in CBOR; the docstring of `records` states the format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from uplink.cbor import MAX_INT, as_array, as_bytes, as_int, as_map, as_number, as_text
from uplink.errors import WireError

Raw = tuple[tuple[str, bytes], ...]
Identity = tuple[str, str, str] | bytes
Attributes = Mapping[str, int | str | Mapping[str, str]]

_SCADA = 2 << 16  # ISO/IEEE 11073-10101: a context-free code is partition * 2**16 + term
_TERMS = 1 << 16
_SHORT_UUID = re.compile(r"[0-9A-F]{4}")
_Y2000 = datetime(2000, 1, 1)  # noqa: DTZ001  a device's clock states no zone
_MICROSECOND = timedelta(microseconds=1)


def encode_raw(raw: Raw) -> list[object]:
    """Source and frame in turn; a 16-bit UUID as an integer."""
    return [
        item
        for source, data in raw
        for item in (int(source, 16) if _SHORT_UUID.fullmatch(source) else source, data)
    ]


def decode_raw(value: object) -> Raw:
    """Frames, each with its source."""
    items = as_array(value, "raw")
    if len(items) % 2:
        raise WireError("raw: found a source without its frame")
    return tuple(
        [
            (_decode_source(source), as_bytes(data, "raw frame"))
            for source, data in zip(items[::2], items[1::2], strict=True)
        ]
    )


def encode_observations(observations: Iterable[tuple[int, Decimal, str]]) -> list[object]:
    """Code and value in turn, with a unit before the first that it is the unit of."""
    items: list[object] = []
    unit_before = None
    for metric, value, unit in observations:
        if unit != unit_before:
            items.append(unit)
            unit_before = unit
        items.append(to_term(metric))
        items.append(int(value) if value.as_tuple().exponent == 0 else value)
    return items


def decode_observations(value: object) -> Iterator[tuple[int, Decimal, str]]:
    """Metric, value and unit of each."""
    items = iter(as_array(value, "observations"))
    unit: str | None = None
    for item in items:
        if type(item) is str:
            unit = item
            continue
        metric = from_term(item)
        number = as_number(next(items, None), "value")
        if unit is None:
            raise WireError("unit: found nothing, wanted a text")
        yield metric, number, unit


def to_term(metric: int) -> int:
    """A metric's code as it is written: a term of partition 2 without its partition."""
    term = metric - _SCADA
    return term if 0 <= term < _TERMS else metric


def from_term(value: object) -> int:
    """The metric's context-free code."""
    code = as_int(value, "metric", 0, 0xFFFF_FFFF)
    return code + _SCADA if code < _TERMS else code


def encode_time(time: datetime | None) -> int | Decimal | None:
    """Seconds since 2000; a Decimal where the device tells fractions."""
    if time is None:
        return None
    micros = (time - _Y2000) // _MICROSECOND
    return Decimal(f"{micros}E-6") if micros % 1_000_000 else micros // 1_000_000


def decode_time(value: object) -> datetime | None:
    """A naive datetime of the years 1 to 9999."""
    if value is None:
        return None
    try:
        if type(value) is int:
            return _Y2000 + timedelta(seconds=value)
        micros = as_number(value, "device time") * 1_000_000
        return _Y2000 + int(micros) * _MICROSECOND
    except OverflowError as error:
        raise WireError("device time: found one outside the years 1 to 9999") from error


def decode_identity(value: object) -> Identity:
    """Maker, model and serial, or a random id of 16 bytes."""
    if isinstance(value, bytes):
        return as_bytes(value, "identity", 16)
    maker, model, serial = (as_text(part, "identity") for part in as_array(value, "identity", 3))
    return maker, model, serial


def decode_attributes(value: object) -> Attributes:
    """Names with an integer, a text, or names with texts."""
    return {
        name: _decode_attribute(item) for name, item in as_map(value, "attributes", str).items()
    }


def _decode_attribute(value: object) -> int | str | Mapping[str, str]:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {k: as_text(v, "attribute") for k, v in as_map(value, "attribute", str).items()}
    return as_int(value, "attribute", -MAX_INT)


def _decode_source(value: object) -> str:
    if isinstance(value, str):
        return value
    return f"{as_int(value, 'source', 0, 0xFFFF):04X}"
