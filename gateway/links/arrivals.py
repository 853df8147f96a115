"""Frames between their arrival and the driver that takes them."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from drivers.spi import Frame
from gateway.clock import Moment

LONGEST_QUEUE = 10_000


class Arrival(NamedTuple):
    """A frame, and when it came."""

    frame: Frame
    moment: Moment


class Arrivals:
    """The frames of one link, oldest first; it takes no more once `is_overfull`."""

    def __init__(self) -> None:
        self.is_overfull = False
        self._queue: asyncio.Queue[Arrival | None] = asyncio.Queue()

    def put(self, arrival: Arrival) -> None:
        """Keep a frame; one too many is none, and none is taken after it."""
        self.is_overfull = self.is_overfull or self._queue.qsize() >= LONGEST_QUEUE
        if not self.is_overfull:
            self._queue.put_nowait(arrival)

    def end(self) -> None:
        """No more will come."""
        self._queue.put_nowait(None)

    async def take(self, quiet_s: float) -> Arrival | None:
        """The next one; None when no more comes, or none has for `quiet_s`."""
        try:
            async with asyncio.timeout(quiet_s):
                return await self._queue.get()
        except TimeoutError:
            return None
