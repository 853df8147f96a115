"""What the frames of a pulse oximeter say: spot checks (0x2A5E) and the stream (0x2A5F).

Source: GATT Specification Supplement; Pulse Oximeter Service 1.0.1; IEEE 11073-20601 for SFLOAT
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from drivers.errors import DecodeError
from drivers.pulse_oximeter_status import (
    DEMONSTRATION,
    INVALID,
    MEASUREMENT_STATUS,
    OFF_DEVICE,
    OFF_USER,
    SENSOR_STATUS,
    STORED,
    TESTING,
    UNAVAILABLE,
    names_of,
)
from drivers.quirks import origin_of
from drivers.reader import Reader, Special
from drivers.specials import tell_apart
from drivers.spi import (
    DeviceEvent,
    Frame,
    Metric,
    Observation,
    Origin,
    Reading,
    Unit,
)

SPOT_CHECK = "2A5E"
CONTINUOUS = "2A5F"
SPO2 = Metric.MDC_PULS_OXIM_SAT_O2
PULSE = Metric.MDC_PULS_OXIM_PULS_RATE
AMPLITUDE = Metric.MDC_PULS_OXIM_PERF_REL
UNITS = {SPO2: Unit.PERCENT, PULSE: Unit.PER_MINUTE, AMPLITUDE: Unit.PERCENT}
DEFAULT_DATE = datetime(2017, 1, 1).date()  # noqa: DTZ001  the device states no zone

NO_PATIENT = {DEMONSTRATION: "demonstration-data", TESTING: "testing-data"}
NO_VALUE = {DEMONSTRATION, TESTING, UNAVAILABLE, INVALID, OFF_USER, OFF_DEVICE}


class Sample(NamedTuple):
    """One frame of the stream: what it measured, and what is no measurement.

    A value is None where the device says that there is none: by a special, by its status, or
    because the sensor is on nobody.
    """

    frame: bytes
    values: tuple[Decimal | None, ...]
    attributes: dict[str, int]


def decode_spot_check(frame: bytes, name: str = "") -> Reading | DeviceEvent:
    """What one 0x2A5E indication says; demonstration and testing data are of no patient.

    Specials stand in `attributes["special"]` by metric, reserved flags in `unknown_flags`. The
    reading has failed without a single number of oxygen and pulse, or where the device calls it
    unavailable or invalid. Its time is None where it says that its clock was never set, or shows
    the day on which such clocks begin.
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    sent: dict[int, Decimal | Special] = {SPO2: reader.sfloat(), PULSE: reader.sfloat()}
    shown = reader.date_time() if flags & 0x01 else None
    status = set(names_of(MEASUREMENT_STATUS, reader.uint(2))) if flags & 0x02 else set()
    sensor = tuple(names_of(SENSOR_STATUS, reader.uint(3))) if flags & 0x04 else ()
    if flags & 0x08:
        sent[AMPLITUDE] = reader.sfloat()
    reader.end()

    raw = (Frame(SPOT_CHECK, frame),)
    is_unset = bool(flags & 0x10) or (shown is not None and shown.date() == DEFAULT_DATE)
    device_time = None if is_unset else shown
    for kind in status & NO_PATIENT.keys():
        return DeviceEvent(NO_PATIENT[kind], raw, device_time)
    told = tell_apart(sent)
    attributes = {"special": told.special or None, "unknown_flags": flags & 0xE0 or None}
    return Reading(
        observations=tuple(
            Observation(of, told.numbers[of], UNITS[of]) for of in UNITS if of in told.numbers
        ),
        raw=raw,
        device_time=device_time,
        status=(
            *(each for each in MEASUREMENT_STATUS if each in status),
            *sensor,
            *(("clock_not_set",) if is_unset else ()),
        ),
        origin=Origin.STORED if STORED in status else origin_of(name, has_time=bool(flags & 0x01)),
        failed=not told.numbers.keys() & {SPO2, PULSE} or bool(status & {UNAVAILABLE, INVALID}),
        attributes={key: value for key, value in attributes.items() if value is not None},
    )


def decode_stream(data: bytes) -> Iterator[Sample]:
    """The samples in a 0x2A5F notification, or in several that stand one behind the other."""
    reader = Reader(data)
    while not reader.at or reader.left:
        yield _read_sample(reader, data)


def _read_sample(reader: Reader, data: bytes) -> Sample:
    begin = reader.at
    flags = reader.uint(1)
    sent: dict[int, Decimal | Special] = {SPO2: reader.sfloat(), PULSE: reader.sfloat()}
    # Fast and slow have no metric of their own: they are told as the 16 bits of their SFLOAT.
    fast = (reader.uint(2), reader.uint(2)) if flags & 0x01 else (0, 0)
    slow = (reader.uint(2), reader.uint(2)) if flags & 0x02 else (0, 0)
    status = reader.uint(2) if flags & 0x04 else 0
    sensor = reader.uint(3) if flags & 0x08 else 0
    if flags & 0x10:
        sent[AMPLITUDE] = reader.sfloat()
    numbers = tell_apart(sent).numbers
    names = {*names_of(MEASUREMENT_STATUS, status), *names_of(SENSOR_STATUS, sensor)}
    if STORED in names:
        raise DecodeError("a stream from the memory, without a time", data, begin)
    if names & NO_VALUE:
        numbers.clear()
    attributes = {
        **dict(
            zip(("spo2_fast", "pulse_fast", "spo2_slow", "pulse_slow"), fast + slow, strict=True)
        ),
        **{each: int(each in names) for each in (*MEASUREMENT_STATUS, *SENSOR_STATUS)},
        "unknown_flags": flags & 0xE0,
    }
    values = tuple(numbers.get(metric) for metric in UNITS)
    return Sample(data[begin : reader.at], values, attributes)
