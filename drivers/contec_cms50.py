"""Finger oximeters of Contec that stream five bytes a frame for as long as they are switched on.

Devices: CMS50D+, CMS50E, CMS50F with older firmware (V7 sends nine bytes at 115200 baud)
Source:  the maker's table of the five bytes, as forums and drivers repeat it;
         atbrask/CMS50Dplus@e916c59 for bit 7 of the pulse, the finger and the recording
Clock:   none; 60 frames a second live, one a second in the recording
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar, NamedTuple

from drivers.contec_cms50_memory import ASK, RECORD_SIZE, STOP, Memory
from drivers.errors import DecodeError
from drivers.spi import DriverInfo, Item, Line, SerialLink
from drivers.stream import OXIMETRY, PLETH, Kind, Stream, Told, ask
from drivers.sync_framer import SYNC, SyncFramer

SIZE = 5
NO_SPO2 = {0, 127}
NO_PULSE = {0, 255}
LIVE = Kind({**OXIMETRY, **PLETH}, Decimal(60), longest=1800)  # half a minute


class ContecCms50:
    """Hands on the recording, once, and the stream in stretches of half a minute."""

    info: ClassVar = DriverInfo(
        id="contec-cms50",
        version="1.1",
        transport="serial",
        match=(),
        metrics=tuple(LIVE.channels),
        line=Line(19200, parity="O"),
        commands=(ASK, STOP),
        devices=("Contec CMS50D+, CMS50E, CMS50F (firmware before V7)",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """The recording is asked for when the device is heard; then stretches, until unplugged."""
        memory = Memory(link.bookmark)

        def tell(frame: bytes) -> Told | None:
            if len(frame) == RECORD_SIZE:
                memory.add(frame)
                return None
            memory.note_live()
            return decode(frame).tell()

        framer = make_framer()
        stream = Stream(framer, tell)
        is_asked = False
        at_ms = 0
        async for chunk in link.receive():
            at_ms = chunk.at_ms
            for series in stream.feed(chunk):
                yield series
            if chunk.data and not is_asked:
                is_asked = True
                await ask(link, ASK)
            if memory.is_due:
                for item in memory.take(at_ms):
                    yield item
                await ask(link, STOP)
        for series in stream.end():
            yield series
        for item in memory.end(at_ms, is_noise=framer.doubt > 0):
            yield item


class Sample(NamedTuple):
    """What one frame says, with the numbers that stand for no value.

    The maker calls `finger_out` "searching too long": the device has given up, or sees no finger.
    """

    spo2: int
    pulse: int
    pleth: int
    bar: int
    signal_strength: int
    beep: bool
    spo2_dropping: bool
    finger_out: bool
    searching: bool
    probe_error: bool

    def tell(self) -> Told | None:
        """Nothing without a finger; the bar on the display stands in the raw frames alone."""
        if self.finger_out:
            return None
        attributes = {
            "signal_strength": self.signal_strength,
            "beep": self.beep,
            "spo2_dropping": self.spo2_dropping,
            "searching": self.searching,
            "probe_error": self.probe_error,
        }
        return Told(LIVE, self.values(), attributes)

    def values(self) -> tuple[int | None, int | None, int | None]:
        """SpO2, pulse and pleth; none while the device itself finds nothing to measure."""
        if self.finger_out or self.searching or self.probe_error:
            return None, None, None
        return (
            None if self.spo2 in NO_SPO2 else self.spo2,
            None if self.pulse in NO_PULSE else self.pulse,
            self.pleth,
        )


def decode(frame: bytes) -> Sample:
    """What one frame of five bytes says. Raises DecodeError."""
    if len(frame) != SIZE:
        raise DecodeError(f"a frame has {SIZE} bytes", frame, min(len(frame), SIZE))
    for at, byte in enumerate(frame):
        if bool(byte & SYNC) != (at == 0):
            raise DecodeError("the sync bit is wrong", frame, at)
    first, pleth, third, pulse, spo2 = frame
    return Sample(
        spo2=spo2,
        pulse=(third & 0x40) << 1 | pulse,
        pleth=pleth,
        bar=third & 0x0F,
        signal_strength=first & 0x0F,
        beep=bool(first & 0x40),
        spo2_dropping=bool(first & 0x20),
        finger_out=bool(first & 0x10),
        searching=bool(third & 0x20),
        probe_error=bool(third & 0x10),
    )


def make_framer() -> SyncFramer:
    """One for live frames and for records of the memory: one lone sync bit, or two in a row."""
    return SyncFramer((1, SIZE - 1), (2, RECORD_SIZE - 2))
