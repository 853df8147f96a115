"""Scales that speak the Bluetooth SIG Weight Scale and Body Composition Services.

Devices: any that expose service 0x181D, 0x181B or both
Source:  GATT Specification Supplement, 0x2A9D and 0x2A9C; Body Composition Service 1.0 for packets
Clock:   device local time, no zone, absent when never set; 0x2A08 or 0x2A2B where offered

What a scale weighs and what it makes of it are two readings of one time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

from drivers import device_clock, device_information, scale_weight
from drivers.listening import listen
from drivers.scale_composition import FIELDS, MEASUREMENT, Packet, decode_packet
from drivers.spi import DriverInfo, Frame, GattLink, Item, Metric, Reading

BODY_COMPOSITION = MEASUREMENT


class Scale:
    """Hands on weights and body compositions."""

    info: ClassVar = DriverInfo(
        id="sig-scale",
        version="1.0",
        transport="ble",
        match=("181D", "181B"),
        metrics=(
            *scale_weight.METRICS,
            *(field.metric for field in FIELDS if field.metric not in scale_weight.METRICS),
            Metric.MDC_BODY_FAT,
        ),
        characteristics=(
            scale_weight.MEASUREMENT,
            BODY_COMPOSITION,
            *device_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=device_clock.CHARACTERISTICS,
        devices=(
            "any scale with the Bluetooth Weight Scale (181D) or Body Composition Service (181B)",
            "A&D UC-352BLE",
        ),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, then what it weighs."""
        async for item in listen(
            link, (scale_weight.MEASUREMENT, BODY_COMPOSITION), Ear(link.name)
        ):
            yield item


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A9D indication of a device that advertises `name`."""
    return scale_weight.decode(frame, name)


class Ear:
    """Joins the two packets that one body composition may need.

    Both say so by a flag. What contradicts the first packet is not its second: each then stands by
    itself.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: Packet | None = None

    def hear(self, frame: Frame, _at_ms: int) -> Iterator[Item]:
        """The readings that the frame completes."""
        if frame.source == scale_weight.MEASUREMENT:
            yield scale_weight.decode(frame.data, self._name)
            return
        packet = decode_packet(frame.data)
        if self._first and packet.continues(self._first):
            first, self._first = self._first, None
            yield first.joined(packet).reading(self._name)
            return
        yield from self.end()
        if packet.is_part:
            self._first = packet
        else:
            yield packet.reading(self._name)

    def end(self) -> Iterator[Item]:
        """The reading in a packet whose other one never came."""
        if first := self._first:
            self._first = None
            yield first.reading(self._name)
