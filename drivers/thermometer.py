"""Thermometers that speak the Bluetooth SIG Health Thermometer Service.

Devices: any that expose service 0x1809
Source:  GATT Specification Supplement, 0x2A1C and Temperature Type; IEEE 11073-20601 for FLOAT
Clock:   device local time, no zone, absent when never set; 0x2A08 or 0x2A2B where offered

Intermediate temperatures (0x2A1E) are not asked for: each is a look at a measurement that is still
under way, and which 0x2A1C ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import IntFlag
from functools import partial
from typing import ClassVar

from drivers import device_clock, device_information
from drivers.listening import Each, listen
from drivers.quirks import origin_of
from drivers.reader import Reader
from drivers.specials import tell_apart
from drivers.spi import (
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Metric,
    Observation,
    Reading,
    Unit,
)

MEASUREMENT = "2A1C"
TEMPERATURE = Metric.MDC_TEMP_BODY
SITES = {
    1: "armpit",
    2: "body",
    3: "ear",
    4: "finger",
    5: "gastro_intestinal_tract",
    6: "mouth",
    7: "rectum",
    8: "toe",
    9: "tympanum",
}
RESERVED_FLAGS = 0xF8


class Flag(IntFlag):
    """What a 0x2A1C value holds."""

    FAHRENHEIT = 1
    TIME_STAMP = 2
    SITE = 4


class Thermometer:
    """Hands on each temperature that is indicated."""

    info: ClassVar = DriverInfo(
        id="sig-thermometer",
        version="1.0",
        transport="ble",
        match=("1809",),
        metrics=(TEMPERATURE,),
        characteristics=(
            MEASUREMENT,
            *device_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=device_clock.CHARACTERISTICS,
        devices=(
            "any thermometer with the Bluetooth Health Thermometer Service (1809)",
            "A&D UT-201BLE",
        ),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, then its temperatures."""
        async for item in listen(link, (MEASUREMENT,), Each(partial(decode, name=link.name))):
            yield item


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A1C indication of a device that advertises `name`.

    A special is no observation: it stands in `attributes["special"]`, and the reading has failed.
    A site that the standard does not list is kept as its number, reserved flags in
    `attributes["unknown_flags"]`.
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    told = tell_apart({TEMPERATURE: reader.float32()})
    device_time = reader.date_time() if flags & Flag.TIME_STAMP else None
    site = reader.uint(1) if flags & Flag.SITE else None
    reader.end()

    unit = Unit.FAHRENHEIT if flags & Flag.FAHRENHEIT else Unit.CELSIUS
    attributes = {
        "site": site if site is None else SITES.get(site, site),
        "special": told.special or None,
        "unknown_flags": flags & RESERVED_FLAGS or None,
    }
    return Reading(
        observations=tuple(Observation(TEMPERATURE, v, unit) for v in told.numbers.values()),
        raw=(Frame(MEASUREMENT, frame),),
        device_time=device_time,
        origin=origin_of(name, has_time=bool(flags & Flag.TIME_STAMP)),
        failed=not told.numbers,
        attributes={key: value for key, value in attributes.items() if value is not None},
    )
