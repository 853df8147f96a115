"""Oximeters of Nonin that stream by themselves over a serial line, in format 2, 7, 8 or lines.

Devices: OEM III boards and Xpod (format 2), Onyx II 9560 set to 2, 7 or 8, and tabletop and
         handheld models with a line a second (2500, 8500, Avant)
Source:  Nonin 6470-000 and OEM III specification; manuals for the lines. nonin_serial_framer states
         how the format is told
Clock:   none; three packets a second in formats 2 and 7, one frame or line a second else
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from drivers.nonin_serial_framer import NoninFramer
from drivers.nonin_serial_sample import decode
from drivers.spi import DriverInfo, Item, Line, SerialLink
from drivers.stream import OXIMETRY, Stream

__all__ = ["NoninSerial", "decode"]


class NoninSerial:
    """Hands on stretches of less than a minute; what the device sends of itself is all it needs."""

    info: ClassVar = DriverInfo(
        id="nonin-serial",
        version="1.0",
        transport="serial",
        match=(),
        metrics=tuple(OXIMETRY),
        line=Line(9600),
        devices=("Nonin OEM III, Xpod, 2500, 8500, Avant; 9560 in format 2, 7 or 8",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Stretches, until the device is unplugged."""
        stream = Stream(NoninFramer(), lambda frame: decode(frame).tell())
        async for chunk in link.receive():
            for series in stream.feed(chunk):
                yield series
        for series in stream.end():
            yield series
