"""Bathroom scales of Acme, which keep what they weighed and send it over Bluetooth.

Devices: Acme W1 (invented)
Source:  invented; docs/writing-a-driver.md has the table of its frames
Clock:   none: what comes from the memory has no time, and the office holds it
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from drivers.spi import (
    Bookmark,
    DecodeError,
    DeviceEvent,
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Metric,
    Observation,
    Origin,
    Reader,
    Reading,
    Undecodable,
    Unit,
)

RECORD = "acc50002-5c1e-4b0a-9d3f-2f6a7c1b0e55"
CONTROL = "acc50003-5c1e-4b0a-9d3f-2f6a7c1b0e55"
SEND_BEHIND = b"\x10"
CALIBRATION, OVERLOAD = 0x01, 0x02


class AcmeScale:
    """Fetches what it does not know yet; then hands on what is weighed while it listens."""

    info: ClassVar = DriverInfo(
        id="acme-scale",
        version="1.0",
        transport="ble",
        match=("acc50001-5c1e-4b0a-9d3f-2f6a7c1b0e55",),
        metrics=(Metric.MDC_MASS_BODY_ACTUAL,),
        characteristics=(RECORD, CONTROL),
        writes=(CONTROL,),
        devices=("Acme W1",),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """The records behind the bookmark, a bookmark when all of them are there, then live ones.

        A live record comes again from the memory, byte for byte: it is counted once.
        """
        frames = link.subscribe(RECORD, CONTROL)
        known = int(link.bookmark or 0)
        await link.write(CONTROL, SEND_BEHIND + known.to_bytes(2, "little"))
        came, origin = 0, Origin.STORED
        async for frame in frames:
            try:
                if frame.source == CONTROL:
                    newest, sent = decode_end(frame.data)
                    if came == sent > 0:
                        yield Bookmark(str(newest))
                    origin = Origin.LIVE
                else:
                    item = decode(frame.data)
                    yield replace(item, origin=origin) if isinstance(item, Reading) else item
                    came += 1
            except DecodeError as error:
                yield Undecodable(error, (frame,))


def decode(frame: bytes) -> Reading | DeviceEvent:
    """What one record says; a calibration weight is no reading. Raises DecodeError."""
    reader = Reader(frame)
    number, flags = reader.uint(2), reader.uint(1)
    grams = Decimal(reader.uint(2)) * 10
    reader.end()
    raw = (Frame(RECORD, frame),)
    if flags & CALIBRATION:
        return DeviceEvent("calibration-weight", raw, facts={"grams": str(grams)})
    seen = Observation(Metric.MDC_MASS_BODY_ACTUAL, grams.scaleb(-3), Unit.KILOGRAM)
    is_overload = bool(flags & OVERLOAD)
    return Reading(
        observations=() if is_overload else (seen,),
        raw=raw,
        record_number=number,
        status=("overload",) if is_overload else (),
        failed=is_overload,
    )


def decode_end(frame: bytes) -> tuple[int, int]:
    """The newest record's number, and how many were sent. Raises DecodeError."""
    reader = Reader(frame)
    newest, sent = reader.uint(2), reader.uint(1)
    reader.end()
    return newest, sent
