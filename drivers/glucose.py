"""Glucose meters that speak the Bluetooth SIG Glucose Service.

Devices: any that expose service 0x1808; own clocks of Contour and CareSens
Source:  Glucose Service 1.0.1; GATT Specification Supplement, 0x2A18, 0x2A34, 0x2A52
Clock:   base time plus offset, as on the meter's display; no zone; 0x2A08 or 0x2A2B where offered
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from drivers import device_clock, device_information, glucose_clock
from drivers.device_clock import Setting
from drivers.errors import DecodeError, UnexpectedReply
from drivers.glucose_context import CONTEXT
from drivers.glucose_fetch import fetch
from drivers.glucose_measurement import MEASUREMENT, METRICS, UNNAMED, decode
from drivers.glucose_memory import Records
from drivers.record_access import CONTROL_POINT
from drivers.spi import ClockRead, DriverInfo, Frame, GattLink, Item, Undecodable

__all__ = ["Glucose", "decode"]


class Glucose:
    """Hands on what is new in a meter's memory; deletes nothing."""

    info: ClassVar = DriverInfo(
        id="sig-glucose",
        version="1.0",
        transport="ble",
        match=("1808",),
        metrics=(UNNAMED, *METRICS.values()),
        characteristics=(
            MEASUREMENT,
            CONTEXT,
            CONTROL_POINT,
            *glucose_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=(CONTROL_POINT, *glucose_clock.CHARACTERISTICS),
        devices=(
            "any meter with the Bluetooth Glucose Service (1808)",
            "Roche Accu-Chek Guide, Aviva Connect",
            "Ascensia Contour Next One",
            "i-SENS CareSens",
        ),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the meter says of itself, its clock, its records, a bookmark; then its clock is set.

        A clock that is set first would put the records in another order. A meter without control
        point is listened to.
        """
        maker, shown = "", None
        async for said in device_information.read(link):
            maker = said.maker
            yield said
        own = glucose_clock.find_own(link, maker)
        frames = link.subscribe(MEASUREMENT, *filter(link.offers, (CONTEXT, CONTROL_POINT)))
        if own:
            link.subscribe(own)  # such a meter takes a write from those alone that listen
        async for fact in device_clock.adjust(link, Setting.NEVER):
            shown = fact if isinstance(fact, ClockRead) else shown
            yield fact
        async for level in device_information.read_battery(link):
            yield level
        if not link.offers(CONTROL_POINT):
            async for item in _listen(frames):
                yield item
            return
        try:
            async for item in fetch(link, frames):
                yield item
        except DecodeError as error:
            yield Undecodable(error, (Frame(CONTROL_POINT, error.frame),))
            raise UnexpectedReply("record access", error.frame) from error
        async for fact in glucose_clock.adjust(link, own, shown):
            yield fact


async def _listen(frames: AsyncIterator[Frame]) -> AsyncIterator[Item]:
    records = Records()
    async for frame in frames:
        for item in records.take(frame):
            yield item
    for item in records.release():
        yield item
