"""Links to a device that answers: `hear(bytes)` gives its answer, over a cable or on the air."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime

from drivers.errors import LinkLost
from drivers.spi import Bookmark, Chunk, Driver, Frame, Item

Hear = Callable[[bytes], bytes]


class TalkingLink:
    """What a driver is lent; `later` is what comes by itself, each when nothing else is left.

    The session ends when nothing is left: the device leaves, or stays without a word (`stays`).
    A cable that brings nothing is quiet, and so again after it was written to in vain.
    """

    def __init__(
        self,
        hear: Hear,
        *,
        bookmark: str = "",
        now: datetime | None = None,
        later: Iterable[Callable[[], bytes]] = (),
        stays: bool = False,
        size: int = 8,
    ) -> None:
        self.name = "device"
        self.bookmark = bookmark
        self.written: list[bytes] = []
        self._hear = hear
        self._now = now
        self._later = deque(later)
        self._stays = stays
        self._size = size
        self._waiting: deque[bytes] = deque()

    async def play(self, driver: Driver, until: int | None = None) -> list[Item]:
        """The items of the session; it is killed as item number `until` is committed."""
        items: list[Item] = []
        session = driver.session(self)
        async for item in session:
            items.append(item)
            if len(items) == until:
                break
            if isinstance(item, Bookmark):
                self.bookmark = item.value
        await session.aclose()
        return items

    def local_time(self) -> datetime | None:
        return self._now

    def offers(self, _characteristic: str) -> bool:
        if not self._stays:
            raise LinkLost(self.name)
        return True

    async def write(self, *command: bytes | str) -> None:
        self.written.append(command[-1])
        answer = self._hear(command[-1])
        self._waiting += [answer[at : at + self._size] for at in range(0, len(answer), self._size)]

    async def receive(self) -> AsyncIterator[Chunk]:
        while True:
            while self._waiting:
                yield Chunk(self._waiting.popleft(), 0)
            asked = len(self.written)
            yield Chunk(b"", 0)
            is_asked_again = self._stays and len(self.written) > asked
            if not is_asked_again and not self._call_later():
                return

    async def subscribe(self, characteristic: str) -> AsyncIterator[Frame]:
        while self._waiting or self._call_later():
            yield Frame(characteristic, self._waiting.popleft())

    def _call_later(self) -> bool:
        if self._later:
            self._waiting.append(self._later.popleft()())
        return bool(self._waiting)
