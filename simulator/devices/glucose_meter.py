"""A glucose meter that keeps its history and gives of it what it is asked for.

Source: Glucose Service 1.0.1 and Profile 1.0.1; GATT Specification Supplement, 0x2A18 and 0x2A34
Quirks: its numbers begin anew once its memory was cleared; who asks for all gets all, every time
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from simulator import record_access
from simulator.device import Told
from simulator.fields import sfloat
from simulator.forgetting import fill
from simulator.frames import pack_time, unpack_time
from simulator.gatt import INDICATE, NOTIFY, Refused, Table, Value
from simulator.peripheral import Peripheral
from simulator.record_access import Op
from simulator.visit import Visit

MEASUREMENT, CONTEXT = "2A18", "2A34"
CONCENTRATION, HAS_CONTEXT = 0x02, 0x10  # flags of 2A18; without 0x04 it is in kg/L
MEAL = 0x02  # flag of 2A34
FINGER = 1  # sample location
CONTROL_SOLUTION = 10  # type
FEATURES = bytes(2)  # assumed
HEAD = struct.Struct("<BH7s")
LARGEST_NUMBER = 0xFFFF
LARGEST = 2045


class Values(NamedTuple):
    """Milligrams in a decilitre; the meal, 0 for none said; type of the sample."""

    mg_dl: int
    meal: int = 0
    type: int = 1  # capillary whole blood


@dataclass(eq=False, slots=True)
class Record:
    """One measurement; `is_news` until it was reported."""

    number: int
    frame: bytes
    context: bytes
    is_news: bool = True


class GlucoseMeter(Peripheral):
    """It notifies nothing unless it is asked on the Record Access Control Point."""

    model: ClassVar = "Meter"
    prefix: ClassVar = "METER_"
    services: ClassVar = ("1808",)

    def __init__(self, *home: Any, **facts: Any) -> None:
        self.memory: list[Record] = []
        self._next = 1
        self._is_reporting = False
        super().__init__(*home, **facts)

    def measure(self, values: Values) -> Record:
        """Measure once. Raises ValueError for a value that it cannot show."""
        number, self._next = self._next, self._next % LARGEST_NUMBER + 1
        flags = CONCENTRATION | (HAS_CONTEXT if values.meal else 0)
        kind = bytes((FINGER << 4 | values.type,))
        at = pack_time(self.clock.now())
        frame = HEAD.pack(flags, number, at) + sfloat(values.mg_dl, -5) + kind
        context = struct.pack("<BHB", MEAL, number, values.meal) if values.meal else b""
        self.memory.append(record := Record(number, frame, context))
        # What was measured in control solution is no measurement of the patient.
        event = "checked" if values.type == CONTROL_SOLUTION else "measured"
        self._log(event, frame=frame.hex(), **self._tell(record).facts())
        self.switch_on()
        return record

    def clear(self) -> None:
        """Erase its memory, as its owner can: the numbers begin anew."""
        self.memory.clear()
        self._next = 1
        self._log("cleared")
        self._note()

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Measure, clear, tell what is not yet reported, and what every peripheral can."""
        match do, fact:
            case "measure", Mapping():
                return {"frame": self.measure(fill(Values, fact, LARGEST)).frame.hex()}
            case "clear", _:
                self.clear()
            case "memory", _:
                return {"frames": [record.frame.hex() for record in self.memory if record.is_news]}
            case _:
                return await super().obey(do, fact)
        return {}

    def _table(self) -> Table:
        return {
            "1808": [
                Value(MEASUREMENT, sends=NOTIFY),
                Value(CONTEXT, sends=NOTIFY),
                Value("2A51", FEATURES, public=True),
                Value(record_access.UUID, write=self._ask, sends=INDICATE),
                Value("2A08", lambda: pack_time(self.clock.now()), self._write_time),
            ]
        }

    def _has_news(self) -> bool:
        return any(record.is_news for record in self.memory)

    def _leave(self, _visit: Visit) -> None:
        self._is_reporting = False
        if not self._has_news():
            self._off_at_ns = None

    def _write_time(self, data: bytes) -> None:
        self.set_clock(unpack_time(data), by="hub")

    def _ask(self, request: bytes) -> None:
        visit = self._visit
        if visit is None or len(request) < len((Op.REPORT, FINGER)):
            raise ValueError("a request has two bytes at least")
        if not {MEASUREMENT, record_access.UUID} <= visit.subscribed:
            raise Refused(record_access.NOT_SUBSCRIBED)
        if self._is_reporting and request[0] != Op.ABORT:
            raise Refused(record_access.IN_PROGRESS)
        if self._is_reporting:
            visit.works["procedure"].cancel()
        self._is_reporting = True
        visit.start("procedure", self._carry_out(visit, request))

    async def _carry_out(self, visit: Visit, request: bytes) -> None:
        done = record_access.answer(request, [record.number for record in self.memory])
        self._log("asked", request=request.hex())
        chosen = set(done.report)
        for record in [each for each in self.memory if each.number in chosen]:
            await self.send(visit, MEASUREMENT, record.frame)
            if record.context and CONTEXT in visit.subscribed:
                await self.send(visit, CONTEXT, record.context)
        for record in self.memory:
            record.is_news = record.is_news and record.number not in chosen
        self.memory = [each for each in self.memory if each.number not in set(done.delete)]
        self._is_reporting = False  # who has the answer may ask again at once
        await self.send(visit, record_access.UUID, done.response)
        self._note()

    def _tell(self, record: Record) -> Told:
        return Told(unpack_time(HEAD.unpack_from(record.frame)[2]), record.number)
