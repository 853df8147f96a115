"""A serial link that knows one script and nothing else: a step out of order, or left over, fails.

The line is unplugged where the script has something else than bytes or silence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

from drivers.spi import Chunk, Driver, Item


class Brings(NamedTuple):
    data: bytes
    at_ms: int = 0


class IsSilent(NamedTuple):
    at_ms: int = 0


class Writes(NamedTuple):
    command: bytes


class Commits(NamedTuple):
    kind: type[Item]


class ScriptedPort:
    """`play` a driver on it; `bookmark` is what it left, `now` the time at the site."""

    def __init__(self, *script: Any, bookmark: str = "", now: datetime | None = None) -> None:
        self.name = "device"
        self.bookmark = bookmark
        self._script = list(script)
        self._now = now

    async def play(self, driver: Driver) -> list[Item]:
        """Run `driver`'s session to its end."""
        items = []
        async for item in driver.session(self):
            assert self._next(Commits).kind is type(item)
            items.append(item)
        assert self._script == []
        return items

    async def receive(self) -> AsyncIterator[Chunk]:
        while self._script and isinstance(self._script[0], Brings | IsSilent):
            step = self._script.pop(0)
            data = step.data if isinstance(step, Brings) else b""
            yield Chunk(data, step.at_ms)

    async def write(self, command: bytes) -> None:
        assert self._next(Writes).command == command

    def local_time(self) -> datetime | None:
        return self._now

    def _next(self, kind: type[Any]) -> Any:
        assert self._script, f"the script has ended before {kind.__name__}"
        step = self._script.pop(0)
        assert isinstance(step, kind), f"{kind.__name__} where the script has {step}"
        return step
