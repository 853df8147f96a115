"""Glucose Measurement (0x2A18): one record of a meter's memory, with its context if it has one.

Source: GATT Specification Supplement, 0x2A18; ISO/IEEE 11073-10101 for a metric by sample;
        IEEE 11073-20601 for SFLOAT
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntFlag
from typing import NamedTuple

from drivers import glucose_context
from drivers.errors import DecodeError
from drivers.reader import Reader, Special
from drivers.spi import DeviceEvent, Frame, Metric, Observation, Origin, Reading, Unit

MEASUREMENT = "2A18"
METRICS = {
    1: Metric.MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD,
    2: Metric.MDC_CONC_GLU_CAPILLARY_PLASMA,
    3: Metric.MDC_CONC_GLU_VENOUS_WHOLEBLOOD,
    4: Metric.MDC_CONC_GLU_VENOUS_PLASMA,
    5: Metric.MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD,
    6: Metric.MDC_CONC_GLU_ARTERIAL_PLASMA,
    7: Metric.MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD,
    8: Metric.MDC_CONC_GLU_UNDETERMINED_PLASMA,
    9: Metric.MDC_CONC_GLU_ISF,
}
UNNAMED = Metric.MDC_CONC_GLU_GEN  # of a sample that is not told, or of a type without a name
UNTOLD = -1
CONTROL_TYPE = 10
CONTROL_LOCATION = 4
NOT_AVAILABLE = 15  # the location
LOCATIONS = {1: "finger", 2: "alternate_site", 3: "earlobe", CONTROL_LOCATION: "control_solution"}
STATUS = (
    "device_battery_low",
    "sensor_malfunction",
    "sample_insufficient",
    "strip_insertion_error",
    "strip_type_incorrect",
    "result_too_high",
    "result_too_low",
    "temperature_too_high",
    "temperature_too_low",
    "strip_pulled_too_soon",
    "device_fault",
    "time_fault",
    *(f"status_bit_{bit}" for bit in range(12, 16)),
)
TIME_FAULT = "time_fault"
OFFSET_AT = 10
OFFSET_SPECIALS = {0x7FFF: "overrun", 0x8000: "underrun"}
INFINITIES = {Special.POSITIVE_INFINITY, Special.NEGATIVE_INFINITY}


class Flag(IntFlag):
    """What a 0x2A18 value holds."""

    TIME_OFFSET = 1
    CONCENTRATION = 2
    MOLES = 4
    STATUS = 8
    CONTEXT = 16
    RESERVED = 0xE0


class Measurement(NamedTuple):
    """The fields of one value. `attributes` is what is neither number nor time."""

    sequence: int
    time: datetime | None
    value: Decimal | Special | None
    unit: Unit
    sample: int
    status: tuple[str, ...]
    is_control: bool
    has_context: bool
    attributes: Mapping[str, int | str]


def read(frame: bytes) -> Measurement:
    """The fields of one 0x2A18 notification. Raises DecodeError."""
    reader = Reader(frame)
    flags = reader.uint(1)
    sequence = reader.uint(2)
    base = reader.date_time()
    offset = reader.uint(2) if flags & Flag.TIME_OFFSET else 0
    value = reader.sfloat() if flags & Flag.CONCENTRATION else None
    where = divmod(reader.uint(1), 16) if flags & Flag.CONCENTRATION else (NOT_AVAILABLE, UNTOLD)
    location, sample = where
    bits = reader.uint(2) if flags & Flag.STATUS else 0
    reader.end()

    status = tuple(name for bit, name in enumerate(STATUS) if bits >> bit & 1)
    is_doubted = offset in OFFSET_SPECIALS or TIME_FAULT in status
    attributes = {
        "sample_type": None if sample in METRICS or sample == UNTOLD else sample,
        "sample_location": None if location == NOT_AVAILABLE else LOCATIONS.get(location, location),
        "time_offset": OFFSET_SPECIALS.get(offset),
        "doubted_time": base.isoformat() if base and is_doubted else None,
        "unknown_flags": flags & Flag.RESERVED or None,
    }
    return Measurement(
        sequence=sequence,
        time=None if base is None or is_doubted else _shift(base, offset, frame),
        value=value,
        unit=Unit.MOL_PER_LITRE if flags & Flag.MOLES else Unit.KG_PER_LITRE,
        sample=sample,
        status=status,
        is_control=sample == CONTROL_TYPE or location == CONTROL_LOCATION,
        has_context=bool(flags & Flag.CONTEXT),
        attributes={name: said for name, said in attributes.items() if said is not None},
    )


def decode(frame: bytes, *, context: bytes | None = None) -> Reading | DeviceEvent:
    """The record in one 0x2A18 notification, and in the 0x2A34 that belongs to it.

    Its device time is base time plus offset, what the meter's display showed; None where the meter
    doubts it (an offset that ran over, a time fault): then `doubted_time` has the base time.
    A concentration above or below what the meter can tell (+INF, -INF) is a measurement without a
    number, its special under `special`; any other special, or none, is one that failed.
    A control solution, and a ketone test, whose number is in no unit that the frame names, are
    events: no glucose of the patient's. Raises DecodeError.
    """
    of = read(frame)
    around = glucose_context.decode(context) if context is not None else None
    raw: tuple[Frame, ...] = (Frame(MEASUREMENT, frame),)
    attributes = dict(of.attributes)
    if around and context is not None:
        raw = (*raw, Frame(glucose_context.CONTEXT, context))
        attributes |= around.attributes
    elif of.has_context:
        attributes["context"] = "missing"
    if of.is_control or (around and around.is_ketone):
        name = "control-solution" if of.is_control else "ketone-test"
        return DeviceEvent(name, raw, of.time, _facts(of) | attributes)
    metric = METRICS.get(of.sample, UNNAMED)
    numbers = [of.value] if isinstance(of.value, Decimal) else []
    special = {metric.name: str(of.value)} if isinstance(of.value, Special) else None
    return Reading(
        observations=tuple(Observation(metric, value, of.unit) for value in numbers),
        raw=raw,
        device_time=of.time,
        record_number=of.sequence,
        status=of.status,
        origin=Origin.STORED,
        failed=not numbers and of.value not in INFINITIES,
        attributes={**attributes, "special": special} if special else attributes,
    )


def _facts(of: Measurement) -> dict[str, int | str]:
    said = {} if of.value is None else {"value": f"{of.value} {of.unit}"}
    status = {"status": " ".join(of.status)} if of.status else {}
    return {"record_number": of.sequence, **said, **status}


def _shift(base: datetime, offset: int, frame: bytes) -> datetime:
    minutes = offset - 0x10000 if offset & 0x8000 else offset
    try:
        return base + timedelta(minutes=minutes)
    except OverflowError:
        raise DecodeError("no such date or time", frame, OFFSET_AT) from None
