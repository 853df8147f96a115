"""TaiDoc and FORA meters on a cable: 19200 baud, 8N1.

Devices: those of drivers/taidoc_record.py
Source:  glucometers-tech/glucometer-protocols@5f9e82f src/taidoc/td42xx.md
Clock:   device local time to the minute, no zone
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from drivers.conversation import Silence, converse
from drivers.spi import RX, DriverInfo, Item, Line, SerialLink
from drivers.taidoc_frame import Framer
from drivers.taidoc_protocol import COMMANDS, DEVICES, METRICS, Visit


class TaiDocSerial:
    """Fetches the memory when the port is there, and whenever the meter wakes."""

    info: ClassVar = DriverInfo(
        id="taidoc-serial",
        version="1.0",
        transport="serial",
        match=(),
        metrics=METRICS,
        line=Line(19200),
        commands=COMMANDS,
        devices=DEVICES,
        any_metric=True,  # analytes of meters to come
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """What the meter is, its clock, its records."""
        visit = Visit(RX, link.name, link.bookmark, link.local_time)
        async for item in converse(visit.run(), link.write, _listen(link)):
            yield item


async def _listen(link: SerialLink) -> AsyncIterator[bytes | Silence]:
    framer = Framer()
    async for chunk in link.receive():
        if not chunk.data:
            yield Silence.QUIET
        for frame in framer.feed(chunk.data):
            yield frame
