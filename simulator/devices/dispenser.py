"""A pill dispenser of our own protocol, on a cable or on the air.

Source: docs/dispenser-protocol.md; simulator/dispenser.py is what speaks it
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from simulator.cable import Cable
from simulator.clock import ScriptClock
from simulator.device import Log, Told
from simulator.dispenser import DISPENSED, OPENED, Dispenser
from simulator.forgetting import fill
from simulator.frames import unpack_time
from simulator.gatt import NOTIFY, Table, Value
from simulator.peripheral import Peripheral
from simulator.visit import Visit

MODEL = "D1"
UUID = "7d1a{:04x}-6c3b-4a9e-9f52-3b0c8e5d4a10"
SERVICE, TO_DEVICE, FROM_DEVICE = (UUID.format(number) for number in (1, 2, 3))
ACTS = {OPENED, DISPENSED}  # of a person; the rest is what the device does
NUMBER, KIND, STATE, TIME = slice(7, 11), 11, 12, slice(13, 20)  # of a record's frame
IS_SET = 0x01
LARGEST = 0xFFFF
ATT_HEAD = 3


class Values(NamedTuple):
    """What happened, by the numbers of the protocol, and where; 0 for what is not said."""

    kind: int
    compartment: int = 0
    doses: int = 0


class Memory:
    """The dispenser itself, and what it says in the log."""

    def __init__(self, script: ScriptClock, log: Log, serial: str) -> None:
        self._script = script
        self._log = log
        self.said = Dispenser(self._now, model=MODEL, serial=serial)

    def happen(self, fact: Mapping[str, int]) -> bytes:
        """What it sends of it. Raises ValueError."""
        kind, *where = fill(Values, fact, LARGEST)
        fields = zip(Values._fields[1:], where, strict=True)
        frame = self.said.happen(kind, **{name: value for name, value in fields if value})
        self._note("measured" if kind in ACTS else "happened", frame)
        return frame

    def hear(self, data: bytes) -> bytes:
        """What it answers. What is stored on the hub it forgets."""
        before = dict(self.said.memory)
        answer = self.said.hear(data)
        for number in before.keys() - self.said.memory.keys():
            kind = before[number][KIND]
            self._note("confirmed" if kind in ACTS else "told", before[number])
        return answer

    def frames(self) -> dict[str, Any]:
        """What is not delivered yet."""
        return {"frames": [frame.hex() for frame in self.said.memory.values()]}

    def _note(self, event: str, frame: bytes) -> None:
        at = unpack_time(frame[TIME]) if frame[STATE] & IS_SET else None
        told = Told(at, int.from_bytes(frame[NUMBER], "little"))
        self._log(event, frame=frame.hex(), kind=frame[KIND], **told.facts())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._script.utc_ns() / 1e9, UTC).replace(tzinfo=None)


class DispenserOnCable(Cable):
    """Always plugged in; nobody knows who listens, so that it is idle once all is acknowledged."""

    maker: ClassVar = "Vitalpost"
    model: ClassVar = MODEL

    def __init__(self, port: Path, script: ScriptClock, log: Log, *, serial: str) -> None:
        super().__init__(port)
        self.serial = serial
        self.powered, self.visited, self.alone, self.idle = (asyncio.Event() for _ in range(4))
        self.memory = Memory(script, log, serial)

    async def run(self) -> None:
        """Be plugged in until cancelled."""
        self.plug()
        self.listen(self._on_bytes)
        self.write(self.memory.said.wake())
        for event in (self.powered, self.alone, self.idle):
            event.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.unplug()

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Let something happen, tell what is not delivered, pull the plug. Raises ValueError."""
        match do, fact:
            case "measure", Mapping():
                frame = self.memory.happen(fact)
                self.idle.clear()
                self.write(frame)
                return {"frame": frame.hex()}
            case "memory", _:
                return self.memory.frames()
            case "plug", True:
                self.plug()
                self.write(self.memory.said.wake())
            case "plug", False:
                self.unplug()
            case _:
                raise ValueError(f"no command of a {self.model}")
        return {}

    def _on_bytes(self, data: bytes) -> None:
        self.visited.set()
        self.write(self.memory.hear(data))
        if not self.memory.said.memory:
            self.idle.set()


class DispenserOnAir(Peripheral):
    """The same over a Bluetooth UART; it leaves when nothing is left and nobody says a word."""

    model: ClassVar = MODEL
    prefix: ClassVar = MODEL
    services: ClassVar = (SERVICE,)

    def __init__(self, air: Any, script: ScriptClock, log: Log, **facts: Any) -> None:
        self.memory = Memory(script, log, facts["serial"])
        super().__init__(air, script, log, **facts)

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Let something happen, tell what is not delivered, and what every peripheral can."""
        match do, fact:
            case "measure", Mapping():
                frame = self.memory.happen(fact)
                self.switch_on()
                if (visit := self._visit) and FROM_DEVICE in visit.subscribed:
                    visit.start("event", self._say(visit, frame))
                return {"frame": frame.hex()}
            case "memory", _:
                return self.memory.frames()
        return await super().obey(do, fact)

    def _table(self) -> Table:
        return {
            SERVICE: [
                Value(TO_DEVICE, write=self._on_bytes),
                Value(FROM_DEVICE, sends=NOTIFY),
            ]
        }

    def _has_news(self) -> bool:
        return bool(self.memory.said.memory)

    def _leave(self, _visit: Visit) -> None:
        if not self._has_news():
            self._off_at_ns = None

    def _on_bytes(self, data: bytes) -> None:
        answer = self.memory.hear(data)
        if visit := self._visit:
            visit.start("answer", self._say(visit, answer))
            self._wait_for_words(visit)

    async def _say(self, visit: Visit, data: bytes) -> None:
        size = visit.connection.att_mtu - ATT_HEAD
        for at in range(0, len(data), size):
            await self.send(visit, FROM_DEVICE, data[at : at + size])
