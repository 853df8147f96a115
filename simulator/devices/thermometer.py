"""An ear thermometer.

Source: Health Thermometer Service 1.0; GATT Specification Supplement, 0x2A1C
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.fields import LARGEST_FLOAT, float32
from simulator.forgetting import Forgetting
from simulator.frames import pack_time, unpack_time
from simulator.gatt import INDICATE, Table, Value

TIME, SITE = 0x02, 0x04  # flags; degrees Celsius
EAR = 3
FRAME = struct.Struct("<B4s7sB")


class Values(NamedTuple):
    """Hundredths of a degree Celsius."""

    centi_celsius: int


class Thermometer(Forgetting):
    """Tells where it measured with each temperature."""

    model: ClassVar = "Thermometer"
    prefix: ClassVar = "TEMP_"
    services: ClassVar = ("1809",)
    measurement: ClassVar = "2A1C"
    values: ClassVar = Values
    largest: ClassVar = LARGEST_FLOAT

    def build(self, values: Any) -> bytes:
        """A temperature with time stamp and site."""
        now = pack_time(self.clock.now())
        return FRAME.pack(TIME | SITE, float32(values.centi_celsius, -2), now, EAR)

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame that it does not make."""
        if len(frame) != FRAME.size or frame[0] != TIME | SITE:
            raise ValueError(f"a {self.model} frame has {FRAME.size} bytes")
        return Told(unpack_time(FRAME.unpack(frame)[2]))

    def _table(self) -> Table:
        return {
            "1809": [
                Value(self.measurement, sends=INDICATE),
                Value("2A1D", bytes((EAR,)), public=True),
                Value("2A08", lambda: pack_time(self.clock.now()), self._write_time),
            ]
        }

    def _write_time(self, data: bytes) -> None:
        self.set_clock(unpack_time(data), by="hub")
