"""Finger oximeters of Contec with firmware V7: nine bytes a frame, while the hub keeps asking.

Devices: CMS50D+, CMS50E, CMS50F with firmware V7 (a newer USB cable, 115200 baud)
Source:  Contec, Communication protocol of pulse oximeter V7.0, as gagistech/bedsidemon@dd8b1bd and
         other drivers decode it. The second byte holds bit 7 of the seven bytes behind it
Clock:   none; 60 frames a second. Without a keep-alive the device stops after 30 s
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar, NamedTuple

from drivers.errors import DecodeError
from drivers.spi import DriverInfo, Item, Line, SerialLink
from drivers.stream import OXIMETRY, PLETH, Kind, Stream, Told, ask
from drivers.sync_framer import SYNC, SyncFramer

START, STOP, STOP_STORED, KEEP_ALIVE = (
    bytes((0x7D, 0x81, code)) + b"\x80" * 6 for code in (0xA1, 0xA2, 0xA7, 0xAF)
)
SIZE = 9
LIVE_DATA = 0x01
NO_SPO2 = {0, 127}
NO_PULSE = {0, 255}
KEPT_ALIVE_MS = 10_000  # three times within the 30 s
LIVE = Kind({**OXIMETRY, **PLETH}, Decimal(60), longest=1800)  # half a minute


class ContecCms50V7:
    """Hands on the stream in stretches of half a minute, each while a finger is in."""

    info: ClassVar = DriverInfo(
        id="contec-cms50-v7",
        version="1.0",
        transport="serial",
        match=(),
        metrics=tuple(LIVE.channels),
        line=Line(115_200),
        commands=(START, STOP, STOP_STORED, KEEP_ALIVE),
        devices=("Contec CMS50D+, CMS50E, CMS50F (firmware V7)",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Stretches until the device falls silent; the next session asks it anew."""
        stream = Stream(make_framer(), _tell)
        kept_ms: int | None = None
        for command in (STOP_STORED, STOP, START):
            await ask(link, command)
        async for chunk in link.receive():
            if not chunk.data:
                break
            if kept_ms is None:
                kept_ms = chunk.at_ms
            elif chunk.at_ms - kept_ms >= KEPT_ALIVE_MS:
                kept_ms = chunk.at_ms
                await ask(link, KEEP_ALIVE)
            for series in stream.feed(chunk):
                yield series
        for series in stream.end():
            yield series


class Sample(NamedTuple):
    """What one frame says, with the numbers that stand for no value."""

    spo2: int
    pulse: int
    pleth: int
    signal_strength: int
    beep: bool
    finger_out: bool
    searching: bool
    searching_too_long: bool

    def tell(self) -> Told | None:
        """Nothing without a finger; bar and perfusion index stand in the raw frames alone."""
        if self.finger_out:
            return None
        attributes = {
            "signal_strength": self.signal_strength,
            "beep": self.beep,
            "searching": self.searching,
            "searching_too_long": self.searching_too_long,
        }
        return Told(LIVE, self.values(), attributes)

    def values(self) -> tuple[int | None, int | None, int | None]:
        """SpO2, pulse and pleth; none while the device itself finds nothing to measure."""
        if self.finger_out or self.searching or self.searching_too_long:
            return None, None, None
        return (
            None if self.spo2 in NO_SPO2 else self.spo2,
            None if self.pulse in NO_PULSE else self.pulse,
            self.pleth,
        )


def decode(frame: bytes) -> Sample:
    """What one frame of nine bytes says. Raises DecodeError."""
    if len(frame) != SIZE:
        raise DecodeError(f"a frame has {SIZE} bytes", frame, min(len(frame), SIZE))
    if frame[0] != LIVE_DATA:
        raise DecodeError("the frame is not of live data", frame, 0)
    for at, byte in enumerate(frame[1:], 1):
        if not byte & SYNC:
            raise DecodeError("the sync bit is wrong", frame, at)
    high = frame[1]
    first, second, _, pulse, spo2, *_ = (
        byte & 0x7F | (high >> place & 1) << 7 for place, byte in enumerate(frame[2:])
    )
    return Sample(
        spo2=spo2,
        pulse=pulse,
        pleth=second & 0x7F,
        signal_strength=first & 0x0F,
        beep=bool(first & 0x40),
        finger_out=bool(first & 0x80),
        searching=bool(second & 0x80),
        searching_too_long=bool(first & 0x10),
    )


def make_framer() -> SyncFramer:
    """One for bytes of which only the first has no sync bit."""
    return SyncFramer((1, SIZE - 1), begins_high=False)


def _tell(frame: bytes) -> Told | None:
    """What a frame of live data says; other answers are of no use here."""
    return decode(frame).tell() if frame[0] == LIVE_DATA else None
