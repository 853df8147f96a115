"""Devices that indicate what they have stored, the oldest first, and forget what is confirmed.

Source: Blood Pressure, Weight Scale, Health Thermometer and Pulse Oximeter Profiles, which all
        want the oldest first; when a record is deleted is left to the device
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from simulator.device import Told
from simulator.peripheral import Peripheral
from simulator.visit import Visit

MEMORY_SIZE = 30  # assumed; a capture of a UA-651BLE holds 30 records
LINGER_S = 0.2  # assumed: from the last confirmation to the device's own disconnection
CLOSE = timedelta(minutes=1)  # a measurement lasts about as long


@dataclass(eq=False, slots=True)
class Record:
    """One measurement in a device's memory."""

    frame: bytes


class Forgetting(Peripheral):
    """A peripheral with a memory of records, each of which is handed over once."""

    measurement: ClassVar[str]  # the characteristic that is indicated
    values: ClassVar[Any]  # a NamedTuple of numbers
    largest: ClassVar = 2045  # of the values; of an SFLOAT with exponent 0
    is_live_only: ClassVar = False

    def __init__(self, *home: Any, **facts: Any) -> None:
        self.memory: deque[Record] = deque()
        self._delivered: deque[Record] = deque(maxlen=0 if self.is_live_only else MEMORY_SIZE)
        super().__init__(*home, **facts)

    @abstractmethod
    def build(self, values: Any) -> bytes:
        """The frame of these values, measured now."""

    @abstractmethod
    def tell(self, frame: bytes) -> Told:
        """What a frame says beside its values. Raises ValueError for one that it cannot make."""

    def fail(self) -> bytes:
        """The frame of a measurement that failed. Raises ValueError where it tells nobody."""
        raise ValueError(f"a {self.model} keeps no measurement that failed")

    def keep(self, frame: bytes) -> None:
        """Measure this frame. Raises ValueError where this device could not make it now."""
        told = self.tell(frame)
        now = self.clock.now()
        if told.device_time and abs(told.device_time - now) > CLOSE:
            raise ValueError(f"the frame says {told.device_time}, the device's clock {now}")
        self._log("measured", frame=frame.hex(), **told.facts())
        self.memory.append(Record(frame))
        if len(self.memory) > (1 if self.is_live_only else MEMORY_SIZE):
            self._drop()
        self.switch_on()

    def resend(self, count: int) -> int:
        """Put the last delivered records back into memory, at most `count`; returns how many."""
        count = min(count, len(self._delivered), MEMORY_SIZE - len(self.memory))
        for _ in range(count):
            self.memory.appendleft(self._delivered.pop())
        self.switch_on()
        return count

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Measure, send again, tell the memory, and what every peripheral can."""
        match do:
            case "measure":
                frame = self._make(fact)
                self.keep(frame)
                return {"frame": frame.hex()}
            case "resend":
                return {"count": self.resend(fact)}
            case "memory":
                return {"frames": [record.frame.hex() for record in self.memory]}
        return await super().obey(do, fact)

    def may_send(self, visit: Visit) -> bool:
        """Whether the hub has done what the device wants of it before it sends."""
        return self.measurement in visit.subscribed

    def _make(self, fact: Mapping[str, int] | bytes | None) -> bytes:
        if fact is None:
            return self.fail()
        return (
            fact if isinstance(fact, bytes) else self.build(fill(self.values, fact, self.largest))
        )

    def _has_news(self) -> bool:
        return bool(self.memory)

    def _settle_visit(self, visit: Visit) -> None:
        if self.measurement not in visit.subscribed:
            if delivery := visit.works.pop("delivery", None):
                delivery.cancel()
        elif self.may_send(visit) and "delivery" not in visit.works:
            visit.start("delivery", self._deliver(visit))

    def _settle_power(self, *, is_on: bool) -> None:
        if self.is_live_only and not is_on and self.memory:
            self._drop()

    def _leave(self, visit: Visit) -> None:
        if "delivery" in visit.works and not self.memory:
            self._off_at_ns = None

    async def _deliver(self, visit: Visit) -> None:
        """Indicate until nothing is left, then leave; what is not confirmed stays."""
        while not visit.is_over:
            while self.memory:
                record = self.memory[0]
                await self._hand_over(visit, record)
                self._confirm(record)
            await asyncio.sleep(LINGER_S)
            visit.is_over = not self.memory
        self._note()

    async def _hand_over(self, visit: Visit, record: Record) -> None:
        """Send it; back when the hub has confirmed it."""
        await self.send(visit, self.measurement, record.frame)

    def _confirm(self, record: Record) -> None:
        self._log("confirmed", frame=record.frame.hex(), **self.tell(record.frame).facts())
        if record in self.memory:
            self.memory.remove(record)
            self._delivered.append(record)
        self._note()

    def _drop(self) -> None:
        frame = self.memory.popleft().frame
        self._log("dropped", frame=frame.hex(), **self.tell(frame).facts())
        self._note()


def fill(kind: Any, given: Mapping[str, int], largest: int) -> Any:
    """The values by their names. Raises ValueError where one is missing, unknown or too large."""
    needed = set(kind._fields) - kind._field_defaults.keys()
    if not needed <= given.keys() <= set(kind._fields) or max(given.values()) > largest:
        raise ValueError(f"wanted {', '.join(kind._fields)}, none above {largest}")
    return kind(**given)
