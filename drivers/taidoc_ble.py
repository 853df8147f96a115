"""TaiDoc and FORA meters over Bluetooth: the frames of their cable, one a notification.

Devices: those of drivers/taidoc_record.py
Source:  advmeds-service/advmeds-bluetooth-lib@0e83080
Clock:   device local time to the minute, no zone
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import ClassVar

from drivers.conversation import converse
from drivers.spi import DriverInfo, Frame, GattLink, Item
from drivers.taidoc_protocol import DEVICES, METRICS, Visit

SERVICE = "00001523-1212-efde-1523-785feabcd123"
CHARACTERISTIC = "00001524-1212-efde-1523-785feabcd123"


class TaiDocBle:
    """Fetches the memory of a meter that is on the air: it has just measured."""

    info: ClassVar = DriverInfo(
        id="taidoc-ble",
        version="1.0",
        transport="ble",
        match=(SERVICE,),
        metrics=METRICS,
        characteristics=(CHARACTERISTIC,),
        writes=(CHARACTERISTIC,),
        devices=DEVICES,
        any_metric=True,  # analytes of meters to come
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the meter is, its clock, its records."""
        frames = link.subscribe(CHARACTERISTIC)
        visit = Visit(CHARACTERISTIC, link.name, link.bookmark, link.local_time)
        write = partial(link.write, CHARACTERISTIC)
        stands = partial(link.offers, CHARACTERISTIC)
        async for item in converse(visit.run(), write, _data(frames), stands):
            yield item


async def _data(frames: AsyncIterator[Frame]) -> AsyncIterator[bytes]:
    async for frame in frames:
        yield frame.data
