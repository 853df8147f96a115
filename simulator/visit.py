"""One hub's visit to a device on the air."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bumble.device import Connection


@dataclass(eq=False, slots=True)
class Visit:
    """One connection: since when, what the hub has done, and what the device does in it."""

    connection: Connection
    since_ns: int
    subscribed: set[str] = field(default_factory=set)
    works: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    has_set_clock: bool = False
    is_over: bool = False

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do this as long as the visit lasts; a silent hub, whose transaction failed, ends it."""
        self.works[name] = task = asyncio.create_task(self._do(work))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def end(self) -> None:
        """Do nothing more in it."""
        for work in self.works.values():
            work.cancel()

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TimeoutError:
            self.is_over = True
