"""Frames run through a driver again: no radio, no event loop, no clock, nothing written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime

from drivers.spi import ClockSet, Driver, Frame, Item


def replay(driver: Driver, name: str, frames: Iterable[Frame]) -> Iterator[Item]:
    """What `driver` makes of `frames` from a device called `name`, as in one session.

    The link offers the characteristics of `frames` and nothing else, and drops what is written: no
    clock is set. A characteristic that is read has one value a session, so sessions follow one
    another until no frame is left that the driver wants.
    """
    link = _Link(name, list(frames))
    wanted = True
    while link.frames and wanted:
        before = len(link.frames)
        yield from (i for i in _play(driver.session(link)) if not isinstance(i, ClockSet))
        wanted = len(link.frames) < before


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
    def __init__(self, name: str, frames: list[Frame]) -> None:
        self.name = name
        self.frames = frames

    def offers(self, characteristic: str) -> bool:
        return any(frame.source == characteristic for frame in self.frames)

    async def read(self, characteristic: str) -> bytes:
        index = next(i for i, f in enumerate(self.frames) if f.source == characteristic)
        return self.frames.pop(index).data

    async def write(self, characteristic: str, value: bytes) -> None:
        pass

    async def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        for frame in [f for f in self.frames if f.source in characteristics]:
            self.frames.remove(frame)
            yield frame

    def local_time(self) -> datetime | None:
        return None
