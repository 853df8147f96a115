"""Nonin oximeters that notify ten bytes a second of their own oximetry service.

They offer the standard service (0x1822) as well; this one says what that does not: whether the
sensor is on the finger, and when a value is good enough for a spot check (SmartPoint).

Devices: Nonin 3230, 3240, 3245, 3150 BLE
Source:  Nonin 113142-000-02 Rev B, as three projects have it: andreasdri/nonin-3230-ble, a decoder
         in Swift that cites it, a gateway in Java that quotes its tables; 6470-000 for the alarm
Clock:   none; a counter of seconds since it was switched on
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from enum import IntFlag
from typing import Any, ClassVar, NamedTuple

from drivers import device_information
from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import (
    DeviceEvent,
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Metric,
    Observation,
    Origin,
    Reading,
    Undecodable,
    Unit,
)

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
SIZE = 10  # at least: the first byte says how many there are
NO_SPO2 = 127
NO_PULSE = 511
LONGEST = 60  # frames, and so seconds, in a reading
NO_VALUE = "missing"


class Status(IntFlag):
    """The second byte."""

    WEAK_SIGNAL = 0x02
    SMARTPOINT = 0x04
    SEARCHING = 0x08
    SENSOR_ON = 0x10
    LOW_BATTERY = 0x20


TOLD = (Status.WEAK_SIGNAL, Status.SMARTPOINT, Status.SEARCHING, Status.LOW_BATTERY)


class NoninBle:
    """One reading each time that the SmartPoint is reached; else one a minute, or a finger."""

    info: ClassVar = DriverInfo(
        id="nonin-ble",
        version="1.0",
        transport="ble",
        match=(SERVICE,),
        metrics=(
            Metric.MDC_PULS_OXIM_SAT_O2,
            Metric.MDC_PULS_OXIM_PULS_RATE,
            Metric.MDC_PULS_OXIM_PERF_REL,
        ),
        characteristics=(OXIMETRY, *device_information.CHARACTERISTICS),
        devices=("Nonin 3230, 3240, 3245 and 3150 BLE oximeters",),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, then its readings until it leaves."""
        frames = link.subscribe(OXIMETRY)
        async for said in device_information.read(link):
            yield said
        async for level in device_information.read_battery(link):
            yield level
        finger = Finger()
        async for frame in frames:
            for item in finger.feed(frame.data):
                yield item
        for item in finger.end():
            yield item


class Sample(NamedTuple):
    """What one frame says."""

    reading: Reading
    status: Status


def decode(frame: bytes) -> Sample:
    """The reading in one frame, whether or not the sensor is on a finger. Raises DecodeError."""
    reader = Reader(frame)
    size = reader.uint(1)
    if size < SIZE or size != len(frame):
        raise DecodeError(f"length {size} of {len(frame)}", frame, min(size, len(frame)))
    status, volts = Status(reader.uint(1)), Decimal(reader.uint(1)).scaleb(-1)
    amplitude = Decimal(reader.uint(2, "big")).scaleb(-2)
    counter, spo2, pulse = reader.uint(2, "big"), reader.uint(1), reader.uint(2, "big")
    sent = {
        Metric.MDC_PULS_OXIM_SAT_O2: (Decimal(spo2), Unit.PERCENT, spo2 == NO_SPO2),
        Metric.MDC_PULS_OXIM_PULS_RATE: (Decimal(pulse), Unit.PER_MINUTE, pulse == NO_PULSE),
        Metric.MDC_PULS_OXIM_PERF_REL: (amplitude, Unit.PERCENT, not amplitude),
    }
    missing = {metric.name: NO_VALUE for metric, (_, _, is_none) in sent.items() if is_none}
    attributes: dict[str, Any] = {"counter": counter, "battery_volts": str(volts)}
    reading = Reading(
        tuple(
            Observation(metric, value, unit)
            for metric, (value, unit, is_none) in sent.items()
            if not is_none
        ),
        (Frame(OXIMETRY, frame),),
        status=tuple(str(flag.name).lower() for flag in TOLD if flag in status),
        origin=Origin.LIVE,
        failed=spo2 == NO_SPO2 and pulse == NO_PULSE,
        attributes=attributes | ({"special": missing} if missing else {}),
    )
    return Sample(reading, status)


class Finger:
    """Frames since a finger came in. A reading is the last of them that has values.

    For ten seconds after the finger is out the last value is repeated: with the sensor off, nothing
    is a reading. That is told once, until the sensor is on again.
    """

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._best: Reading | None = None
        self._is_off = False
        self._had_smartpoint = False

    def feed(self, frames: bytes) -> Iterator[Item]:
        """What a notification brings; or those of a whole reading, one behind the other."""
        rest = frames
        while True:
            frame, rest = (rest[: rest[0]], rest[rest[0] :]) if rest[:1] > b"\0" else (rest, b"")
            try:
                sample = decode(frame)
            except DecodeError as error:
                yield Undecodable(error, (Frame(OXIMETRY, frame + rest),))
                return
            yield from self._take(frame, *sample)
            if not rest:
                return

    def end(self) -> Iterator[Reading]:
        """The reading of the frames that are left."""
        if self._best:
            yield replace(self._best, raw=(Frame(OXIMETRY, b"".join(self._frames)),))
        self._frames, self._best = [], None

    def _take(self, frame: bytes, reading: Reading, status: Status) -> Iterator[Item]:
        if Status.SENSOR_ON not in status:
            yield from self.end()
            if not self._is_off:
                yield DeviceEvent("sensor-alarm", reading.raw)
            self._is_off, self._had_smartpoint = True, False
            return
        self._is_off = False
        self._frames.append(frame)
        if self._best is None or not reading.failed:
            self._best = reading
        is_smart = Status.SMARTPOINT in status and not reading.failed
        if (is_smart and not self._had_smartpoint) or len(self._frames) == LONGEST:
            yield from self.end()
        self._had_smartpoint = is_smart
