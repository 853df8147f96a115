"""Anything that speaks the Bluetooth SIG Generic Health Sensor Service, and names its own metrics.

Devices: any that expose service 0x1840; the standard road for pill dispensers (IEEE 11073-10472)
Source:  Generic Health Sensor Service 1.0; Elapsed Time Service 1.0
Clock:   the device's own, UTC or local, or ticks; read and never set

A dispenser says what it has handed out: MDC_AI_MED_DISPENSED_FIXED and _VARIABLE. That it was taken
nobody says here; MDC_AI_MED_DISPENSED_TAKEN is the code that a device sends, and no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

from drivers import device_information, health_elapsed_time
from drivers.characteristic import read_if_allowed, write_if_allowed
from drivers.errors import DecodeError
from drivers.health_reading import LIVE, STORED, tell
from drivers.health_segments import Segments
from drivers.listening import hear_all
from drivers.record_access import CONTROL_POINT, Opcode, request
from drivers.spi import (
    ClockRead,
    DeviceEvent,
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Metric,
    Reading,
    Undecodable,
)

SENDING = "2BF4"  # the service's own control point
START_SENDING = b"\x01"
ALL_RECORDS = request(Opcode.COMBINED_REPORT)


class HealthSensor:
    """Hands on observations, those that are stored first. It deletes nothing."""

    info: ClassVar = DriverInfo(
        id="generic-health-sensor",
        version="1.0",
        transport="ble",
        match=("1840",),
        metrics=tuple(metric for metric in Metric if metric.name.startswith("MDC_AI_MED_")),
        characteristics=(
            LIVE,
            STORED,
            CONTROL_POINT,
            SENDING,
            health_elapsed_time.CURRENT_TIME,
            *device_information.CHARACTERISTICS,
        ),
        writes=(CONTROL_POINT, SENDING),
        devices=(
            "any device with the Bluetooth Generic Health Sensor Service (1840)",
            "pill dispensers that speak it",
        ),
        any_metric=True,
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, what it has stored, then what it observes."""
        async for said in device_information.read(link):
            yield said
        heard = (LIVE, STORED, CONTROL_POINT, SENDING)
        frames = link.subscribe(*filter(link.offers, heard))
        async for fact in _read_clock(link):
            yield fact
        async for level in device_information.read_battery(link):
            yield level
        if link.offers(SENDING):
            await write_if_allowed(link, SENDING, START_SENDING)
        async for item in hear_all(link, frames, Ear(), ALL_RECORDS):
            yield item


def decode(frame: bytes) -> Reading | DeviceEvent:
    """What one 0x2B8B value says that is whole in itself."""
    for found in Segments().feed(Frame(LIVE, frame)):
        if isinstance(found, Undecodable):
            raise found.error
        return tell(found)
    raise DecodeError("the first of several segments", frame, 0)


class Ear:
    """Puts together the segments of what is live and of what was stored."""

    def __init__(self) -> None:
        self._segments = {LIVE: Segments(), STORED: Segments()}

    def hear(self, frame: Frame, _at_ms: int) -> Iterator[Item]:
        """What the frame makes whole, and what can no more become whole."""
        if frame.source not in self._segments:
            return  # that it is sending now
        for found in self._segments[frame.source].feed(frame):
            yield found if isinstance(found, Undecodable) else _understand(found)

    def end(self) -> Iterator[Item]:
        """What waits for segments that will not come."""
        for segments in self._segments.values():
            yield from segments.end()


def _understand(frames: tuple[Frame, ...]) -> Item:
    try:
        return tell(frames)
    except DecodeError as error:
        return Undecodable(error, frames)


async def _read_clock(link: GattLink) -> AsyncIterator[ClockRead | Undecodable]:
    if frame := await read_if_allowed(link, health_elapsed_time.CURRENT_TIME):
        try:
            yield health_elapsed_time.decode_clock(frame)
        except DecodeError as error:
            yield Undecodable(error, (frame,))
