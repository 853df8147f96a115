"""A scale that knows its users.

Source: Weight Scale Service 1.0.1; GATT Specification Supplement, 0x2A9D and 0x2A9E
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.fields import pack_current, unpack_current
from simulator.forgetting import Forgetting
from simulator.frames import pack_time, unpack_time
from simulator.gatt import INDICATE, Table, Value

TIME, USER = 0x02, 0x04  # flags; kilograms
STEP_G = 5  # of the field
FRAME = struct.Struct("<BH7sB")
FEATURES = bytes((0b0000_1011, 0, 0, 0))  # time stamp, several users, steps of 0.005 kg


class Values(NamedTuple):
    """Grams, and who stood on it."""

    weight_g: int
    user: int


class Scale(Forgetting):
    """Weighs in steps of 5 g."""

    model: ClassVar = "Scale"
    prefix: ClassVar = "SCALE_"
    services: ClassVar = ("181D",)
    measurement: ClassVar = "2A9D"
    values: ClassVar = Values
    largest: ClassVar = 0xFFFF * STEP_G

    def build(self, values: Any) -> bytes:
        """A frame in kilograms, with time stamp and user."""
        now = pack_time(self.clock.now())
        return FRAME.pack(TIME | USER, values.weight_g // STEP_G, now, values.user)

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame that it does not make."""
        if len(frame) != FRAME.size or frame[0] != TIME | USER:
            raise ValueError(f"a {self.model} frame has {FRAME.size} bytes")
        _, _, at, user = FRAME.unpack(frame)
        return Told(unpack_time(at), user=user)

    def _table(self) -> Table:
        return {
            "181D": [
                Value(self.measurement, sends=INDICATE),
                Value("2A9E", FEATURES, public=True),
            ],
            "1805": [Value("2A2B", lambda: pack_current(self.clock.now()), self._write_time)],
        }

    def _write_time(self, data: bytes) -> None:
        self.set_clock(unpack_current(data), by="hub")
