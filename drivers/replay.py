"""Frames run through a driver again: no radio, no port, no event loop, nothing written."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from drivers.spi import RX, Chunk, ClockSet, Driver, Frame, Item

Write = Callable[[str, bytes], None]


def replay(
    driver: Driver,
    name: str,
    frames: Iterable[Frame],
    *,
    on_write: Write = lambda _source, _value: None,
    now: datetime | None = None,
) -> Iterator[Item]:
    """What `driver` makes of `frames` from a device called `name`, as in one session.

    The link offers the characteristics of `frames` and nothing else, and drops what is written: no
    clock is set. A characteristic that is read has one value a session, so sessions follow one
    another until no frame is left that the driver wants. Over a serial line the frames are chunks,
    which come at one instant. `on_write` is told what was written, `now` is the time at the site.
    """
    make = _SerialLink if driver.info.transport == "serial" else _GattLink
    link = make(name, list(frames), on_write, now)
    wanted = True
    while link.frames and wanted:
        before = len(link.frames)
        yield from (i for i in _play(driver.session(link)) if not isinstance(i, ClockSet))
        wanted = len(link.frames) < before


def find_decoder(driver: Driver, name: str = "") -> Callable[[bytes], object] | None:
    """The pure `decode(frame)` or `decode(frame, name)` of the driver's module, if it has one."""
    decode = getattr(sys.modules[type(driver).__module__], "decode", None)
    if not callable(decode):
        return None
    for more in ((name,), ()):
        with suppress(TypeError):
            inspect.signature(decode).bind(b"", *more)
            return lambda frame: decode(frame, *more)
    return None


def _play(session: AsyncIterator[Item]) -> Iterator[Item]:
    while True:
        step = anext(session).__await__()
        try:
            next(step)
        except StopIteration as done:
            item = done.value
        except StopAsyncIteration:
            return
        else:
            raise RuntimeError("a driver awaits nothing but its link")
        yield item


class _Link:
    def __init__(
        self, name: str, frames: list[Frame], on_write: Write, now: datetime | None
    ) -> None:
        self.name = name
        self.bookmark = ""
        self.frames = frames
        self._on_write = on_write
        self._now = now

    def local_time(self) -> datetime | None:
        return self._now


class _GattLink(_Link):
    def offers(self, characteristic: str) -> bool:
        return any(frame.source == characteristic for frame in self.frames)

    async def read(self, characteristic: str) -> bytes:
        index = next(i for i, f in enumerate(self.frames) if f.source == characteristic)
        return self.frames.pop(index).data

    async def write(self, characteristic: str, value: bytes) -> None:
        self._on_write(characteristic, value)

    async def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        for frame in [f for f in self.frames if f.source in characteristics]:
            self.frames.remove(frame)
            yield frame

    def heard_ms(self, characteristic: str) -> int:  # noqa: ARG002  what is run again comes at one instant
        return 0


class _SerialLink(_Link):
    async def receive(self) -> AsyncIterator[Chunk]:
        frames, self.frames = self.frames, []
        for frame in frames:
            if frame.data:  # an empty chunk would be silence
                yield Chunk(frame.data, 0)

    async def write(self, command: bytes) -> None:
        self._on_write(RX, command)
