"""A fingertip pulse oximeter for spot checks, whose clock nobody ever sets.

Source: Pulse Oximeter Service 1.0.1; GATT Specification Supplement, 0x2A5E
Quirks: it flags its clock as never set and shows 2017-01-01 (capture of a ChoiceMMed)
"""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.fields import sfloat
from simulator.forgetting import Forgetting
from simulator.frames import pack_time
from simulator.gatt import INDICATE, Table, Value

TIME, CLOCK_NOT_SET = 0x01, 0x10  # flags
FRAME = struct.Struct("<B2s2s7s")
SHOWN = datetime(2017, 1, 1)  # noqa: DTZ001  the device states no zone
FEATURES = bytes((0b0000_0000, 0b0000_0000))


class Values(NamedTuple):
    """Percent, and beats per minute."""

    spo2: int
    pulse: int


class PulseOximeter(Forgetting):
    """Measures once a finger, and tells the result until a hub has it."""

    model: ClassVar = "Oximeter"
    prefix: ClassVar = "OXI_"
    services: ClassVar = ("1822",)
    measurement: ClassVar = "2A5E"
    values: ClassVar = Values
    is_live_only: ClassVar = True

    def build(self, values: Any) -> bytes:
        """A spot check with a time stamp that means nothing."""
        spo2, pulse = sfloat(values.spo2), sfloat(values.pulse)
        return FRAME.pack(TIME | CLOCK_NOT_SET, spo2, pulse, pack_time(SHOWN))

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame that it does not make."""
        if len(frame) != FRAME.size or frame[0] != TIME | CLOCK_NOT_SET:
            raise ValueError(f"an {self.model} frame has {FRAME.size} bytes")
        return Told()

    def _table(self) -> Table:
        return {
            "1822": [
                Value(self.measurement, sends=INDICATE),
                Value("2A60", FEATURES, public=True),
            ]
        }
