"""Pill dispensers that speak our own protocol over a Bluetooth UART; frames may be cut anywhere.

Devices: any that speaks docs/dispenser-protocol.md
Source:  docs/dispenser-protocol.md
Clock:   device local time, no zone; says itself whether it was ever set
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import ClassVar

from drivers.conversation import converse
from drivers.dispenser_frame import Framer
from drivers.dispenser_protocol import DEVICES, FROM_DEVICE, METRICS, SERVICE, TO_DEVICE, Visit
from drivers.spi import DriverInfo, Frame, GattLink, Item


class DispenserBle:
    """Fetches what was not yet fetched, then hands on what happens."""

    info: ClassVar = DriverInfo(
        id="vitalpost-dispenser-ble",
        version="1.0",
        transport="ble",
        match=(SERVICE,),
        metrics=METRICS,
        characteristics=(FROM_DEVICE, TO_DEVICE),
        writes=(TO_DEVICE,),
        devices=DEVICES,
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """Who it is, its clock, its records."""
        frames = link.subscribe(FROM_DEVICE)
        visit = Visit(FROM_DEVICE, link.name, link.bookmark, link.local_time)
        write = partial(link.write, TO_DEVICE)
        stands = partial(link.offers, FROM_DEVICE)
        async for item in converse(visit.run(), write, _join(frames), stands):
            yield item


async def _join(frames: AsyncIterator[Frame]) -> AsyncIterator[bytes]:
    """Frames, and what is none: nothing is lost on the air, so it is told."""
    framer = Framer()
    async for notification in frames:
        if not notification.data:
            yield b""
        for frame in framer.feed(notification.data):
            yield frame
        if framer.skipped:
            yield framer.take_skipped()
    for frame in framer.silence():
        yield frame
    if framer.skipped:
        yield framer.take_skipped()
