"""Finger oximeters of Contec that stream five bytes a frame for as long as they are switched on.

Devices: CMS50D+, CMS50E, CMS50F with older firmware (V7 sends nine bytes at 115200 baud)
Source:  the maker's table of the five bytes, as forums and drivers repeat it;
         atbrask/CMS50Dplus@e916c59 for bit 7 of the pulse and for the finger
Clock:   none; 60 frames a second
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import ClassVar, NamedTuple

from drivers.errors import DecodeError
from drivers.spi import Chunk, DriverInfo, Item, Line, Metric, SerialLink, Series, Unit
from drivers.stretch import Stretch

SIZE = 5
SYNC = 0x80
RATE = Decimal(60)
CHANNELS = {
    Metric.MDC_PULS_OXIM_SAT_O2: Unit.PERCENT,
    Metric.MDC_PULS_OXIM_PULS_RATE: Unit.PER_MINUTE,
    Metric.MDC_PULS_OXIM_PLETH: Unit.ONE,
}
VITAL = (Metric.MDC_PULS_OXIM_SAT_O2, Metric.MDC_PULS_OXIM_PULS_RATE)
NO_SPO2 = {0, 127}
NO_PULSE = {0, 255}
LONGEST_FRAMES = 1800  # half a minute: a record holds it even where no value is like the next
LONGEST_MS = 60_000
LONGEST_GAP_MS = 1000
DOUBT = 2 * SIZE  # for a byte that belongs to no frame: two whole frames make up for it
MOST_DOUBT = 60 * SIZE  # and a second of them for any noise


class ContecCms50:
    """Hands on the stream in stretches of half a minute, each while a finger is in."""

    info: ClassVar = DriverInfo(
        id="contec-cms50",
        version="1.0",
        transport="serial",
        match=(),
        metrics=tuple(CHANNELS),
        line=Line(19200, parity="O"),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Stretches, until the device is unplugged."""
        stream = Stream()
        async for chunk in link.receive():
            for series in stream.feed(chunk):
                yield series
        for series in stream.end():
            yield series


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

    def values(self) -> tuple[int | None, int | None, int | None]:
        """SpO2, pulse and pleth; none while the device itself finds nothing to measure."""
        if self.finger_out or self.searching or self.probe_error:
            return None, None, None
        return (
            None if self.spo2 in NO_SPO2 else self.spo2,
            None if self.pulse in NO_PULSE else self.pulse,
            self.pleth,
        )

    def attributes(self) -> dict[str, int]:
        """What is no measurement; the bar on the display stands in the raw frames alone."""
        return {
            "signal_strength": self.signal_strength,
            "beep": self.beep,
            "spo2_dropping": self.spo2_dropping,
            "searching": self.searching,
            "probe_error": self.probe_error,
        }


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


class Framer:
    """Finds frames in bytes cut anywhere.

    A frame is whole when five bytes lie between its sync bit and the next one: a byte that came in
    between would put the pulse in the place of the oxygen. One frame in 64 places of any noise is
    whole by chance: `doubt` rises with what belongs to no frame, and falls with each whole one.
    """

    def __init__(self) -> None:
        self.doubt = 0
        self._held = bytearray()

    @property
    def holds(self) -> bool:
        """Whether a frame has begun."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""
        for byte in data:
            if byte & SYNC:
                yield from self.end()
                self._held.append(byte)
            elif 0 < len(self._held) <= SIZE:
                self._held.append(byte)
            else:
                self._drop(1)

    def end(self) -> Iterator[bytes]:
        """The frame that only the next sync bit would have shown to be whole."""
        held, self._held = bytes(self._held), bytearray()
        if len(held) == SIZE:
            self.doubt = max(0, self.doubt - SIZE)
            yield held
        else:
            self._drop(len(held))

    def _drop(self, size: int) -> None:
        self.doubt = min(self.doubt + size * DOUBT, MOST_DOUBT)


class Stream:
    """The stretches of one session."""

    def __init__(self) -> None:
        self._framer = Framer()
        self._stretch = Stretch(CHANNELS, VITAL, RATE)
        self._at_ms = 0

    def feed(self, chunk: Chunk) -> Iterator[Series]:
        """The stretches that end with this chunk."""
        is_gap = chunk.at_ms - self._at_ms > LONGEST_GAP_MS
        is_long = self._stretch.count and chunk.at_ms - self._stretch.began_ms > LONGEST_MS
        if is_gap or is_long or not chunk.data:
            yield from self.end()
        if not self._framer.holds:
            self._at_ms = chunk.at_ms
        for frame in self._framer.feed(chunk.data):
            yield from self._take(frame, self._at_ms)
            self._at_ms = chunk.at_ms  # only the first had begun in an earlier chunk
        self._at_ms = chunk.at_ms

    def end(self) -> Iterator[Series]:
        """The last stretch."""
        for frame in self._framer.end():
            yield from self._take(frame, self._at_ms)
        yield from self._cut()

    def _take(self, frame: bytes, at_ms: int) -> Iterator[Series]:
        sample = decode(frame)
        if sample.finger_out or self._stretch.count == LONGEST_FRAMES:
            yield from self._cut()
        if not sample.finger_out:
            self._stretch.add(frame, sample.values(), sample.attributes(), at_ms)

    def _cut(self) -> Iterator[Series]:
        if self._stretch.count:
            is_noise = self._framer.doubt > self._stretch.count * SIZE
            yield self._stretch.end(is_noise=is_noise)
