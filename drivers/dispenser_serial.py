"""Pill dispensers that speak our own protocol, on a cable: 115200 baud, 8N1.

Devices: any that speaks docs/dispenser-protocol.md
Source:  docs/dispenser-protocol.md
Clock:   device local time, no zone; says itself whether it was ever set
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from drivers.conversation import Silence, converse
from drivers.dispenser_frame import Framer
from drivers.dispenser_protocol import COMMANDS, DEVICES, METRICS, Visit
from drivers.spi import RX, DriverInfo, Item, Line, SerialLink


class DispenserSerial:
    """Fetches what was not yet fetched, then hands on what happens."""

    info: ClassVar = DriverInfo(
        id="vitalpost-dispenser-serial",
        version="1.0",
        transport="serial",
        match=(),
        metrics=METRICS,
        line=Line(115200),
        commands=COMMANDS,
        devices=DEVICES,
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Who it is, its clock, its records."""
        visit = Visit(RX, link.name, link.bookmark, link.local_time)
        async for item in converse(visit.run(), link.write, _listen(link)):
            yield item


async def _listen(link: SerialLink) -> AsyncIterator[bytes | Silence]:
    framer = Framer()
    async for chunk in link.receive():
        for frame in framer.feed(chunk.data) if chunk.data else framer.silence():
            yield frame
        if not chunk.data:
            yield Silence.QUIET
    for frame in framer.silence():
        yield frame
