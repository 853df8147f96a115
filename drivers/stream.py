"""Streams on a serial line: what a framer finds, gathered into stretches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple, Protocol

from drivers.spi import Chunk, LinkError, Metric, Origin, SerialLink, Series, Unit
from drivers.stretch import Stretch

LONGEST_MS = 60_000
LEAST_GAP_MS = 1000
FIRST_GAP_MS = 2500  # until a kind is known
GAP_FRAMES = Decimal("2.5")  # a frame a second may be late, and is not missing

OXIMETRY = {
    Metric.MDC_PULS_OXIM_SAT_O2: Unit.PERCENT,
    Metric.MDC_PULS_OXIM_PULS_RATE: Unit.PER_MINUTE,
}
PLETH = {Metric.MDC_PULS_OXIM_PLETH: Unit.ONE}


class Kind(NamedTuple):
    """A kind of stream: `rate` frames a second, of which one stretch holds at most `longest`.

    A record must hold a stretch even where no value is like the next. `is_summed` says that frames
    carry a checksum: no noise looks like them.
    """

    channels: Mapping[Metric, Unit]
    rate: Decimal
    longest: int
    is_summed: bool = False
    origin: Origin = Origin.LIVE

    @property
    def gap_ms(self) -> int:
        """How long the line may be still within a stretch."""
        return max(LEAST_GAP_MS, int(1000 * GAP_FRAMES / self.rate))

    def stretch(self) -> Stretch:
        """An empty one."""
        return Stretch(self.channels, OXIMETRY, self.rate, origin=self.origin)


class Told(NamedTuple):
    """What a frame of a kind says: a value for each channel, and what is no measurement."""

    kind: Kind
    values: tuple[int | None, ...]
    attributes: Mapping[str, int]


class Framer(Protocol):
    """Finds frames in bytes cut anywhere; `doubt` and `strays` as SyncFramer has them."""

    doubt: int
    strays: int

    @property
    def holds(self) -> bool:
        """Whether a frame has begun."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""

    def end(self) -> Iterator[bytes]:
        """The frame that only the next one would have shown to be whole."""


class Stream:
    """The stretches of one session. A frame of which `tell` says None ends one, and is in none."""

    def __init__(self, framer: Framer, tell: Callable[[bytes], Told | None]) -> None:
        self._framer = framer
        self._tell = tell
        self._kind: Kind | None = None
        self._stretch: Stretch | None = None
        self._at_ms = 0

    def feed(self, chunk: Chunk) -> Iterator[Series]:
        """The stretches that end with this chunk."""
        gap_ms = self._kind.gap_ms if self._kind else FIRST_GAP_MS
        is_gap = chunk.at_ms - self._at_ms > gap_ms
        is_long = self._stretch and chunk.at_ms - self._stretch.began_ms > LONGEST_MS
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
        told = self._tell(frame)
        if told is None:
            yield from self._cut()
            return
        stretch = self._stretch
        if stretch is None or told.kind != self._kind or stretch.count == told.kind.longest:
            yield from self._cut()
            self._kind, self._stretch = told.kind, (stretch := told.kind.stretch())
        stretch.add(frame, told.values, told.attributes, at_ms)

    def _cut(self) -> Iterator[Series]:
        stretch, self._stretch = self._stretch, None
        strays, self._framer.strays = self._framer.strays, 0
        if stretch and self._kind:
            doubt = max(self._framer.doubt, strays)
            yield stretch.end(is_noise=not self._kind.is_summed and doubt > stretch.size)


async def ask(link: SerialLink, command: bytes) -> None:
    """Send a command; a device that has just gone must not take along what is in hand."""
    with suppress(LinkError):
        await link.write(command)
