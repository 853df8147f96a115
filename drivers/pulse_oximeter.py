"""Pulse oximeters that speak the Bluetooth SIG Pulse Oximeter Service.

Devices: any that expose service 0x1822; many have spot checks alone, as the Masimo MightySat
Source:  Pulse Oximeter Service 1.0.1
Clock:   device local time, no zone, or never set, as it says; 0x2A08 or 0x2A2B where offered

A spot check is a reading. The stream is one act of measuring that lasts as long as a finger is in:
it comes in stretches of a minute, as a reading a second would wear flash for nothing. The service
names no pace; devices send once a second, and each stretch tells how long it took.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import ClassVar

from drivers import device_clock, device_information
from drivers.listening import listen
from drivers.pulse_oximeter_frames import (
    AMPLITUDE,
    CONTINUOUS,
    PULSE,
    SPO2,
    SPOT_CHECK,
    UNITS,
    Sample,
    decode_spot_check,
    decode_stream,
)
from drivers.record_access import CONTROL_POINT, Opcode, request
from drivers.spi import DeviceEvent, DriverInfo, Frame, GattLink, Item, Reading, Series
from drivers.stretch import Stretch

RATE = Decimal(1)
LONGEST_FRAMES = 60
LONGEST_GAP_MS = 5000
ALL_RECORDS = request(Opcode.REPORT_RECORDS)


class PulseOximeter:
    """Hands on what is stored, spot checks and streams. It deletes nothing."""

    info: ClassVar = DriverInfo(
        id="sig-pulse-oximeter",
        version="1.0",
        transport="ble",
        match=("1822",),
        metrics=(PULSE, AMPLITUDE, SPO2),
        characteristics=(
            SPOT_CHECK,
            CONTINUOUS,
            CONTROL_POINT,
            *device_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=(CONTROL_POINT, *device_clock.CHARACTERISTICS),
        devices=(
            "any oximeter with the Bluetooth Pulse Oximeter Service (1822)",
            "Masimo MightySat",
        ),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, what it has stored, then what it measures."""
        heard = (SPOT_CHECK, CONTINUOUS)
        async for item in listen(link, heard, Ear(link.name), asked=ALL_RECORDS):
            yield item


def decode(frame: bytes, name: str = "") -> Reading | DeviceEvent:
    """What one 0x2A5E indication of a device that advertises `name` says."""
    return decode_spot_check(frame, name)


class Ear:
    """Gathers the stream; a stretch ends with a minute, a pause or the session."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stretch = Stretch(UNITS, (SPO2, PULSE), RATE, CONTINUOUS)

    def hear(self, frame: Frame, at_ms: int) -> Iterator[Item]:
        """A spot check, or the stretches that the frame ends."""
        if frame.source == SPOT_CHECK:
            yield decode_spot_check(frame.data, self._name)
            return
        for sample in list(decode_stream(frame.data)):
            yield from self._gather(sample, at_ms)

    def end(self) -> Iterator[Series]:
        """The last stretch."""
        if self._stretch.count:
            yield self._stretch.end(is_noise=False)

    def _gather(self, sample: Sample, at_ms: int) -> Iterator[Series]:
        is_gap = self._stretch.count and at_ms - self._stretch.ended_ms > LONGEST_GAP_MS
        if is_gap or self._stretch.count == LONGEST_FRAMES:
            yield from self.end()
        self._stretch.add(sample.frame, sample.values, sample.attributes, at_ms)
