"""A pill dispenser that speaks the Generic Health Sensor Service, in as many segments as it needs.

Source: Generic Health Sensor Service 1.0; Elapsed Time Service 1.0; ISO/IEEE 11073-10101 for codes
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.fields import float32
from simulator.forgetting import Forgetting, Record
from simulator.gatt import INDICATE, Table, Value
from simulator.visit import Visit

LIVE, SENDING, CLOCK = "2B8B", "2BF4", "2BF2"
START = b"\x01"  # at the service's own control point, whose answer is a success
ANSWER = b"\x80"
DISPENSED_FIXED = 130 << 16 | 13312  # MDC_AI_MED_DISPENSED_FIXED
DIMENSIONLESS = 512  # MDC_DIM_DIMLESS
NUMERIC, HAS_TYPE, HAS_TIME = 1, 0x0001, 0x0002
LOCAL, MANUAL = 0x20, 4  # seconds of local time on the current timeline, set by hand
BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001  local time
FIRST, LAST, COUNT_SHIFT = 0x01, 0x02, 2
SEGMENT = 20  # fits into what every link carries


class Values(NamedTuple):
    """How many doses it has handed out."""

    doses: int


class HealthSensor(Forgetting):
    """It sends nothing before it was told to start, and numbers its segments through a connection.

    A record's frame is its value without the headers of the segments.
    """

    model: ClassVar = "Dispenser"
    prefix: ClassVar = "GHS_"
    services: ClassVar = ("1840",)
    measurement: ClassVar = LIVE
    values: ClassVar = Values
    _count = 0

    def build(self, values: Any) -> bytes:
        """A numeric observation with a time stamp."""
        head = struct.pack("<HI", HAS_TYPE | HAS_TIME, DISPENSED_FIXED)
        number = DIMENSIONLESS.to_bytes(2, "little") + float32(values.doses)
        body = head + self._stamp() + number
        return struct.pack("<BH", NUMERIC, len(body)) + body

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame that it does not make."""
        if len(frame) != len(self.build(Values(1))) or frame[0] != NUMERIC:
            raise ValueError("no observation of this dispenser")
        seconds = int.from_bytes(frame[10:16], "little")
        return Told(BEGIN + timedelta(seconds=seconds))

    def may_send(self, visit: Visit) -> bool:
        """Once it was told to start."""
        return super().may_send(visit) and "start" in visit.works

    async def _hand_over(self, visit: Visit, record: Record) -> None:
        rest, is_first = record.frame, FIRST
        while rest:
            part, rest = rest[: SEGMENT - 1], rest[SEGMENT - 1 :]
            header = is_first | (0 if rest else LAST) | self._count % 64 << COUNT_SHIFT
            await self.send(visit, LIVE, bytes((header,)) + part)
            self._count, is_first = self._count + 1, 0

    def _table(self) -> Table:
        return {
            "1840": [
                Value(LIVE, sends=INDICATE),
                Value(SENDING, write=self._on_sending, sends=INDICATE),
            ],
            "183F": [Value(CLOCK, lambda: self._stamp() + bytes(2))],
        }

    def _on_sending(self, data: bytes) -> None:
        if data != START:
            raise ValueError("no command that it knows")
        if visit := self._visit:
            visit.start("start", self.send(visit, SENDING, ANSWER))
            self._settle_visit(visit)

    def _stamp(self) -> bytes:
        seconds = int((self.clock.now() - BEGIN).total_seconds())
        return bytes((LOCAL,)) + seconds.to_bytes(6, "little") + bytes((MANUAL, 0))
