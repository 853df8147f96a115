"""A TaiDoc glucose meter on the air: the frames of its cable, one a notification.

Source: that of drivers/taidoc_ble.py; simulator/taidoc.py is what speaks it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from simulator.clock import ScriptClock
from simulator.device import Log
from simulator.forgetting import fill
from simulator.gatt import NOTIFY, Table, Value
from simulator.peripheral import Peripheral
from simulator.taidoc import SIZE, Meter
from simulator.visit import Visit

SERVICE = "00001523-1212-efde-1523-785feabcd123"
CHARACTERISTIC = "00001524-1212-efde-1523-785feabcd123"
MODEL = 0x4277
READS = (b"\x25", b"\x26")  # time and value of a record
AMBIENT = 23  # degrees Celsius
MEAL_SHIFT = 6
LARGEST = 0xFFFF


class Values(NamedTuple):
    """Milligrams in a decilitre; the meal, 3 for control solution."""

    mg_dl: int
    meal: int = 0


class TaiDoc(Peripheral):
    """It gives all of its memory whenever it is asked, and leaves when nobody asks any more."""

    maker: ClassVar = "TaiDoc"
    model: ClassVar = f"TD-{MODEL:x}"
    prefix: ClassVar = "TD"
    services: ClassVar = (SERVICE,)
    bonds: ClassVar = False

    def __init__(self, air: Any, script: ScriptClock, log: Log, **facts: Any) -> None:
        self._has_measured = False
        serial = facts["serial"].rjust(2 * SIZE, "0")
        self._meter = Meter(self._now, model=MODEL, serial=serial)
        super().__init__(air, script, log, **facts | {"serial": serial})

    async def obey(self, do: str, fact: Any) -> dict[str, Any]:
        """Measure, and what every peripheral can."""
        match do, fact:
            case "measure", Mapping():
                values = fill(Values, fact, LARGEST)
                value = values.mg_dl.to_bytes(2, "little")
                value += bytes((AMBIENT, values.meal << MEAL_SHIFT))
                self._meter.measure(value)
                self._has_measured = True
                self._log("measured", value=value.hex())
                self.switch_on()
                return {}
        return await super().obey(do, fact)

    def _table(self) -> Table:
        return {SERVICE: [Value(CHARACTERISTIC, write=self._on_bytes, sends=NOTIFY)]}

    def _has_news(self) -> bool:
        return self._has_measured

    def _leave(self, _visit: Visit) -> None:
        if not self._has_measured:
            self._off_at_ns = None

    def _on_bytes(self, data: bytes) -> None:
        if data[1:2] in READS:
            self._has_measured = False
        if (answer := self._meter.hear(data)) and (visit := self._visit):
            visit.start("answer", self._say(visit, answer))
            self._wait_for_words(visit)

    async def _say(self, visit: Visit, answer: bytes) -> None:
        for at in range(0, len(answer), SIZE):
            await self.send(visit, CHARACTERISTIC, answer[at : at + SIZE])

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._script.utc_ns() / 1e9, UTC).replace(tzinfo=None)
