"""The devices of a virtual home: each keeps what it measured in another way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from random import Random
from typing import ClassVar

import cbor2

from simulator import record_access
from simulator.frames import pack_time, unpack_time
from simulator.history import Step
from tests.faults.air import Link
from tests.faults.cord import ACKNOWLEDGE, CLOCK, MEASUREMENT
from tests.faults.world import ZONE, Cuff, Note, name_reading, now_s, today

LIVE_CUFF = ("Vitalpost", "Live", "5181100777")
SCALE = ("Vitalpost", "Scale", "7300001")
METER = ("Vitalpost", "Meter", "4400042")
BABBLER = ("Vitalpost", "Babbler", "9")
WEIGHT, GLUCOSE = "2A9D", "2A18"
WINDOW_S = 40.0
SETTLED_S = 60.0  # by then the hub has on flash what it was sent, if it lives
FACTORY = datetime(2015, 1, 1)  # noqa: DTZ001  the device states no zone
CONCENTRATION = bytes.fromhex("64b011")
JUNK_BYTES, JUNK_FRAMES = 480, 120

Vouch = Callable[[Link], Callable[[], bool]]
"""Given a link, what says later whether its process must have on flash what came over it."""


class KeepingCuff:
    """Keeps each reading until it is told that the hub has it. Is bonded. Its clock may jump."""

    name = "Cord"
    address = "F0:00:00:00:00:01"
    is_bonded = True
    characteristics: ClassVar = (MEASUREMENT, CLOCK, ACKNOWLEDGE)

    def __init__(self, dice: Random, note: Note) -> None:
        self.cuff = Cuff(dice, note)
        self._dice = dice
        self._has_been_read = False  # the clock, by a hub that has it on flash, since it jumped
        self._more = asyncio.Event()

    def is_on_air(self) -> bool:
        return bool(self.cuff.memory)

    def jump(self) -> bool:
        """A battery is changed, a thumb slips; once between two contacts, or nobody could tell."""
        if not self._has_been_read:
            return False
        self._has_been_read = False
        by = timedelta(hours=self._dice.choice((-30, -12, -1, 1, 12, 30)))
        self.cuff.set_clock(FACTORY if self._dice.random() < 0.5 else self.cuff.clock() + by)
        return True

    async def read(self, _characteristic: str) -> bytes:
        return pack_time(self.cuff.clock())

    async def write(self, _link: Link, characteristic: str, value: bytes) -> None:
        if characteristic == CLOCK:
            self.cuff.set_clock(unpack_time(value))
            self._has_been_read = False
        else:
            self.cuff.confirm(value)
            self._has_been_read = True
            self._more.set()

    async def listen(self, link: Link, _characteristic: str) -> None:
        link.begin(self._tell())

    async def _tell(self) -> AsyncIterator[tuple[str, bytes]]:
        while self.cuff.memory:
            self._more.clear()
            yield MEASUREMENT, self.cuff.memory[0]
            try:
                async with asyncio.timeout(30):
                    await self._more.wait()
            except TimeoutError:
                return


class Passing:
    """On the air for a moment after measuring; what it has sent, or has not by then, it forgets."""

    is_bonded = False

    def __init__(self, dice: Random, vouch: Vouch) -> None:
        self.dice = dice
        self._vouch = vouch
        self._until_s = 0.0
        self._pending: bytes | None = None

    def is_on_air(self) -> bool:
        return self._pending is not None and now_s() < self._until_s

    def show(self, frame: bytes) -> None:
        """Be on the air with it."""
        if self._pending is not None:
            self.settle(self._pending, is_kept=False)
        self._pending, self._until_s = frame, now_s() + WINDOW_S
        asyncio.get_running_loop().call_later(WINDOW_S, self._give_up, frame)

    async def tell(self, characteristic: str, link: Link) -> AsyncIterator[tuple[str, bytes]]:
        """The frame, which is forgotten from here on."""
        frame, self._pending = self._pending, None
        if frame is None:
            return
        is_kept: Callable[[], bool] = lambda: False  # noqa: E731  until it has come over
        asyncio.get_running_loop().call_later(
            SETTLED_S, lambda: self.settle(frame, is_kept=is_kept())
        )
        yield characteristic, frame
        is_kept = self._vouch(link)

    def settle(self, frame: bytes, *, is_kept: bool) -> None:
        """Whether the hub must have it, or nobody need."""
        raise NotImplementedError

    def _give_up(self, frame: bytes) -> None:
        if self._pending is frame:
            self._pending = None
            self.settle(frame, is_kept=False)


class LiveCuff(Passing):
    """Has a clock, and no memory."""

    name = "Live"
    address = "F0:00:00:00:00:02"
    characteristics: ClassVar = (MEASUREMENT, CLOCK)

    def __init__(self, dice: Random, note: Note, vouch: Vouch) -> None:
        super().__init__(dice, vouch)
        self._cuff = Cuff(dice, note, "live", LIVE_CUFF)

    def measure(self) -> None:
        self._cuff.measure()
        self.show(self._cuff.memory[-1])

    async def read(self, _characteristic: str) -> bytes:
        return pack_time(self._cuff.clock())

    async def write(self, _link: Link, _characteristic: str, value: bytes) -> None:
        self._cuff.set_clock(unpack_time(value))

    async def listen(self, link: Link, characteristic: str) -> None:
        link.begin(self.tell(characteristic, link))

    def settle(self, frame: bytes, *, is_kept: bool) -> None:
        if is_kept:
            self._cuff.confirm(frame)
        elif frame in self._cuff.memory:
            self._cuff.memory.remove(frame)


class Scale(Passing):
    """Has no clock: what it weighs has no name but that of the hub's record."""

    name = "Scale"
    address = "F0:00:00:00:00:03"
    characteristics: ClassVar = (WEIGHT,)

    def __init__(self, dice: Random, note: Note, vouch: Vouch) -> None:
        super().__init__(dice, vouch)
        self._note = note
        self._days: dict[bytes, str] = {}

    def measure(self) -> None:
        frame = bytes(1) + self.dice.randint(10_000, 20_000).to_bytes(2, "little")
        self._days[frame] = today()
        self._note(Step("scale", "measured", day=today()))
        self.show(frame)

    async def read(self, _characteristic: str) -> bytes:
        raise NotImplementedError

    async def write(self, _link: Link, _characteristic: str, _value: bytes) -> None:
        raise NotImplementedError

    async def listen(self, link: Link, characteristic: str) -> None:
        link.begin(self.tell(characteristic, link))

    def settle(self, frame: bytes, *, is_kept: bool) -> None:
        did = "confirmed" if is_kept else "dropped"
        self._note(Step("scale", did, day=self._days.get(frame)))


class Meter:
    """Numbers its records and forgets none; the hub fetches what is new."""

    name = "Meter"
    address = "F0:00:00:00:00:04"
    is_bonded = False
    characteristics: ClassVar = (GLUCOSE, record_access.UUID, CLOCK)

    def __init__(self, dice: Random, note: Note) -> None:
        self.names: list[str] = []
        self.is_read = False
        self._note = note
        self._identity = cbor2.dumps(list(METER))
        self._records: list[bytes] = []
        self._until_s = 0.0
        self._slow = dice.uniform(-5, 5)

    def is_on_air(self) -> bool:
        return now_s() < self._until_s

    def wake(self) -> None:
        """Be on the air for a while."""
        self._until_s = now_s() + 2 * WINDOW_S

    def measure(self) -> None:
        number = len(self._records).to_bytes(2, "little")
        frame = b"\2" + number + self._show() + CONCENTRATION
        name = name_reading(self._identity, frame)
        self._records.append(frame)
        self.names.append(name)
        self.is_read = False
        self._note(Step("meter", "measured", readings=[name], day=today()))
        self.wake()

    async def read(self, _characteristic: str) -> bytes:
        return self._show()

    async def write(self, link: Link, _characteristic: str, value: bytes) -> None:
        link.begin(self._answer(value), leaves=False)

    async def listen(self, _link: Link, _characteristic: str) -> None:
        pass

    async def _answer(self, request: bytes) -> AsyncIterator[tuple[str, bytes]]:
        answer = record_access.answer(request, range(len(self._records)))
        for number in answer.report:
            yield GLUCOSE, self._records[number]
        yield record_access.UUID, answer.response
        if answer.report and answer.report[-1] == len(self._records) - 1:
            self.is_read = True

    def _show(self) -> bytes:
        shown = datetime.fromtimestamp(now_s() + self._slow, ZONE).replace(tzinfo=None)
        return pack_time(shown)


class Babbler:
    """Sends what nobody understands, which the hub keeps as evidence: it fills a card."""

    name = "Babbler"
    address = "F0:00:00:00:00:05"
    is_bonded = False
    characteristics: ClassVar = (MEASUREMENT,)

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.talks = False

    def is_on_air(self) -> bool:
        return self.talks

    async def read(self, _characteristic: str) -> bytes:
        raise NotImplementedError

    async def write(self, _link: Link, _characteristic: str, _value: bytes) -> None:
        raise NotImplementedError

    async def listen(self, link: Link, _characteristic: str) -> None:
        link.begin(self._babble())

    async def _babble(self) -> AsyncIterator[tuple[str, bytes]]:
        for _ in range(JUNK_FRAMES):
            yield MEASUREMENT, self._dice.randbytes(JUNK_BYTES)
