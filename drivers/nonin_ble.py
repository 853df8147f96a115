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
from decimal import Decimal
from typing import ClassVar

from drivers import device_information
from drivers.errors import DecodeError
from drivers.nonin_ble_frame import ON, OXIMETRY, PULSE, SMART, SPO2, TOLD, UNITS, decode
from drivers.spi import (
    DeviceEvent,
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Reading,
    Undecodable,
)
from drivers.stretch import Stretch

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
LONGEST = 60  # frames, and so seconds, in a stretch
LONGEST_GAP_MS = 5000


class NoninBle:
    """A spot check each time that the SmartPoint is reached; the rest is a stream."""

    info: ClassVar = DriverInfo(
        id="nonin-ble",
        version="1.0",
        transport="ble",
        match=(SERVICE,),
        metrics=tuple(UNITS),
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
            for item in finger.feed(frame.data, link.heard_ms(OXIMETRY)):
                yield item
        for item in finger.end():
            yield item


class Finger:
    """What comes from one finger after another.

    For ten seconds after a finger is out the last value is repeated: with the sensor off, nothing
    is a reading. That is told once, until the sensor is on again.
    """

    def __init__(self) -> None:
        self._stretch = Stretch(UNITS, (SPO2, PULSE), Decimal(1), OXIMETRY)
        self._last: Reading | None = None  # the only frame of the stretch, so far
        self._is_off = False
        self._is_smart = False

    def feed(self, frames: bytes, at_ms: int) -> Iterator[Item]:
        """What a notification brings; more than one frame in it are a stretch, as handed on."""
        is_stretch = len(frames) > frames[0] if frames else False
        while True:
            size = frames[0] if frames and frames[0] else len(frames)
            frame, rest = frames[:size], frames[size:]
            try:
                reading = decode(frame)
            except DecodeError as error:
                yield Undecodable(error, (Frame(OXIMETRY, frames),))
                return
            if ON in reading.status:
                yield from self._gather(frame, reading, at_ms, is_stretch=is_stretch)
            else:
                yield from self._note_off(reading)
            if not rest:
                return
            frames = rest

    def end(self) -> Iterator[Item]:
        """The stretch that is left; a frame at the SmartPoint that stands alone is a spot check."""
        last, self._last = self._last, None
        if self._stretch.count:
            series = self._stretch.end(is_noise=False)
            yield last if last and SMART in last.status else series

    def _gather(
        self, frame: bytes, reading: Reading, at_ms: int, *, is_stretch: bool
    ) -> Iterator[Item]:
        is_smart = SMART in reading.status and not reading.failed
        had_been, self._is_smart, self._is_off = self._is_smart, is_smart, False
        if is_smart and not had_been and not is_stretch:
            yield from self.end()
            yield reading
            return
        is_gap = self._stretch.count and at_ms - self._stretch.ended_ms > LONGEST_GAP_MS
        if is_gap or self._stretch.count == LONGEST:
            yield from self.end()
        self._last = None if self._stretch.count else reading
        seen = {each.metric: each.value for each in reading.observations}
        flags = {name: int(name in reading.status) for name in TOLD}
        self._stretch.add(frame, [seen.get(metric) for metric in UNITS], flags, at_ms)

    def _note_off(self, reading: Reading) -> Iterator[Item]:
        yield from self.end()
        if not self._is_off:
            yield DeviceEvent("sensor-alarm", reading.raw)
        self._is_off, self._is_smart = True, False
