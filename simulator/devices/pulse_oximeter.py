"""A fingertip pulse oximeter for spot checks.

Source: Pulse Oximeter Service 1.0.1; GATT Specification Supplement, 0x2A5E
Quirks: until a hub has set its clock it flags that, and shows 2017-01-01 (capture of a ChoiceMMed)
"""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from simulator.device import Told
from simulator.fields import CURRENT_TIME, pack_current, sfloat, unpack_current
from simulator.forgetting import Forgetting
from simulator.frames import pack_time, unpack_time
from simulator.gatt import INDICATE, Table, Value

TIME, CLOCK_NOT_SET = 0x01, 0x10  # flags
FRAME = struct.Struct("<B2s2s7s")
SHOWN = datetime(2017, 1, 1)  # noqa: DTZ001  the device states no zone
UNKNOWN = bytes(CURRENT_TIME.size)
FEATURES = bytes(2)  # assumed


class Values(NamedTuple):
    """Percent, and beats per minute."""

    spo2: int
    pulse: int


class PulseOximeter(Forgetting):
    """Measures once a finger, and keeps the result until a hub has it."""

    model: ClassVar = "Oximeter"
    prefix: ClassVar = "OXI_"
    services: ClassVar = ("1822",)
    measurement: ClassVar = "2A5E"
    values: ClassVar = Values
    is_set = False

    def build(self, values: Any) -> bytes:
        """A spot check; its time stamp means nothing before the clock was set."""
        flags, at = (TIME, self.clock.now()) if self.is_set else (TIME | CLOCK_NOT_SET, SHOWN)
        return FRAME.pack(flags, sfloat(values.spo2), sfloat(values.pulse), pack_time(at))

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame that it does not make."""
        if len(frame) != FRAME.size or frame[0] & ~CLOCK_NOT_SET != TIME:
            raise ValueError(f"an {self.model} frame has {FRAME.size} bytes")
        if frame[0] & CLOCK_NOT_SET:
            return Told(undated=True)
        return Told(unpack_time(FRAME.unpack(frame)[-1]))

    def set_clock(self, at: datetime, by: str) -> None:
        """From now on its time stamps are worth something."""
        super().set_clock(at, by)
        self.is_set = True

    def reset_clock(self) -> None:
        """Change the battery: nobody has set the clock."""
        super().reset_clock()
        self.is_set = False

    def _table(self) -> Table:
        return {
            "1822": [
                Value(self.measurement, sends=INDICATE),
                Value("2A60", FEATURES, public=True),
            ],
            "1805": [Value("2A2B", self._read_time, self._write_time)],
        }

    def _read_time(self) -> bytes:
        return pack_current(self.clock.now()) if self.is_set else UNKNOWN

    def _write_time(self, data: bytes) -> None:
        self.set_clock(unpack_current(data), by="hub")
