"""A Nonin 3230 that streams over its own service as long as a hub listens.

Source: that of drivers/nonin_ble.py
Quirks: for ten seconds after the finger is out it repeats the last value, with the sensor off
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.forgetting import fill
from simulator.gatt import NOTIFY, Table, Value
from simulator.peripheral import Peripheral
from simulator.visit import Visit

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
SMARTPOINT, SEARCHING, SENSOR_ON = 0x04, 0x08, 0x10
FRAME = struct.Struct(">BBBHHBH")
NO_SPO2, NO_PULSE = 127, 511
DECIVOLTS, AMPLITUDE = 30, 512  # assumed
SEARCHES, BEFORE, AFTER, REPEATS = 3, 4, 3, 10  # frames, one a second on a real one
PACE_S = 0.002
LARGEST = 510


class Values(NamedTuple):
    """Percent, and beats per minute."""

    spo2: int
    pulse: int


class Nonin(Peripheral):
    """It stores nothing: who does not listen while the finger is in has missed it."""

    maker: ClassVar = "Nonin Medical, Inc."
    model: ClassVar = "3230"
    prefix: ClassVar = "NO"
    services: ClassVar = (SERVICE,)

    def __init__(self, *home: Any, **facts: Any) -> None:
        self._finger: Values | None = None
        self._counter = 0
        super().__init__(*home, **facts)

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Put a finger in, and what every peripheral can."""
        match do, fact:
            case "measure", Mapping():
                self._finger = fill(Values, fact, LARGEST)
                self.switch_on()
                if self._visit:
                    self._settle_visit(self._visit)
                return {}
        return await super().obey(do, fact)

    def _table(self) -> Table:
        return {SERVICE: [Value(OXIMETRY, sends=NOTIFY)]}

    def _has_news(self) -> bool:
        return self._finger is not None

    def _settle_visit(self, visit: Visit) -> None:
        if self._finger and OXIMETRY in visit.subscribed and "finger" not in visit.works:
            visit.start("finger", self._stream(visit, self._finger))

    def _settle_power(self, *, is_on: bool) -> None:
        if not is_on and self._finger:
            self._finger = None
            self._note()

    async def _stream(self, visit: Visit, finger: Values) -> None:
        nothing = Values(NO_SPO2, NO_PULSE)
        await self._send(visit, SENSOR_ON | SEARCHING, nothing, SEARCHES)
        await self._send(visit, SENSOR_ON, finger, BEFORE)
        smart = await self._send(visit, SENSOR_ON | SMARTPOINT, finger, AFTER)
        self._log("measured", frame=smart[0].hex(), **Told().facts())
        await self._send(visit, 0, finger, REPEATS)
        self._finger, visit.is_over = None, True
        self._off_at_ns = None
        self._note()

    async def _send(self, visit: Visit, status: int, values: Values, count: int) -> list[bytes]:
        sent = []
        for _ in range(count):
            self._counter += 1
            frame = FRAME.pack(
                FRAME.size, status, DECIVOLTS, AMPLITUDE, self._counter, values.spo2, values.pulse
            )
            await self.send(visit, OXIMETRY, frame)
            await asyncio.sleep(PACE_S)
            sent.append(frame)
        return sent
