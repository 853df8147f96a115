"""A GATT link that knows one script and nothing else: a step out of order, or left over, fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

from drivers.errors import DriverError, LinkError
from drivers.spi import Driver, Frame, Item


class Reads(NamedTuple):
    characteristic: str
    answer: bytes | LinkError


class Writes(NamedTuple):
    characteristic: str
    value: bytes
    fault: LinkError | None = None


class Subscribes:
    def __init__(self, *characteristics: str) -> None:
        self.characteristics = characteristics


class Indicates(NamedTuple):
    characteristic: str
    sent: bytes | LinkError
    after_ms: int = 1000


class Silence:
    """From here on the device sends nothing."""


class Commits(NamedTuple):
    kind: type[Item]


class ScriptedLink:
    """Offers what its script reads, writes or subscribes to; the hub's local time is `now`.

    What is indicated comes second by second.
    """

    def __init__(
        self, *script: Any, name: str = "", now: datetime | None = None, bookmark: str = ""
    ) -> None:
        self.name = name
        self.bookmark = bookmark
        self._script = list(script)
        self._now = now
        self._now_ms = 0
        self._offered = {s.characteristic for s in script if isinstance(s, Reads | Writes)}
        for step in script:
            if isinstance(step, Subscribes):
                self._offered.update(step.characteristics)

    async def play(self, driver: Driver) -> list[Item]:
        """Run `driver`'s session to its end; every item is committed before it goes on."""
        self.items = items = []
        try:
            async for item in driver.session(self):
                assert self._next(Commits).kind is type(item)
                items.append(item)
        except DriverError:
            assert self._script == []
            raise
        assert self._script == []
        return items

    def offers(self, characteristic: str) -> bool:
        return characteristic in self._offered

    async def read(self, characteristic: str) -> bytes:
        step = self._next(Reads)
        assert step.characteristic == characteristic
        return _or_raise(step.answer)

    async def write(self, characteristic: str, value: bytes) -> None:
        step = self._next(Writes)
        assert (step.characteristic, step.value) == (characteristic, value)
        if step.fault:
            raise step.fault

    def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        assert self._next(Subscribes).characteristics == characteristics
        return self._frames()

    def heard_ms(self, characteristic: str) -> int:
        assert characteristic in self._offered
        return self._now_ms

    def local_time(self) -> datetime | None:
        return self._now

    async def _frames(self) -> AsyncIterator[Frame]:
        while self._script:
            if isinstance(self._script[0], Silence):
                self._script.pop(0)
                return
            step = self._next(Indicates)
            self._now_ms += step.after_ms
            yield Frame(step.characteristic, _or_raise(step.sent))

    def _next(self, kind: type[Any]) -> Any:
        assert self._script, f"the script has ended before {kind.__name__}"
        step = self._script.pop(0)
        assert isinstance(step, kind), f"{kind.__name__} where the script has {step}"
        return step


def _or_raise(sent: bytes | LinkError) -> bytes:
    if isinstance(sent, LinkError):
        raise sent
    return sent
