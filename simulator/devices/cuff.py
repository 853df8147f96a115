"""Blood pressure cuffs that behave as real ones do, faults included.

Devices: A&D UA-651BLE; a cuff that two people share; a cuff without clock and memory
Source:  two public Android drivers, one verified on UA-651BLE hardware, and the captures of
         HEADS-project/ThingML-BLE (its Blood Pressure service holds 2A35, 2A49 and 2A08); what has
         no source is marked as assumed
"""

from __future__ import annotations

from typing import Any, ClassVar

from simulator import frames
from simulator.device import Told
from simulator.forgetting import Forgetting
from simulator.gatt import INDICATE, Table, Value
from simulator.peripheral import SECOND_NS
from simulator.visit import Visit

CLOCK_WITHIN_NS = 5 * SECOND_NS  # the UA-651BLE sends nothing unless its clock was written by then
FEATURES = bytes(2)  # 2A49; assumed


class Cuff(Forgetting):
    """An A&D UA-651BLE that lives on the script's clock.

    It is on the air for a minute after measuring, sends nothing to a hub that does not set its
    clock in time, indicates the oldest record first and forgets it when it is confirmed.
    """

    maker: ClassVar = "A&D Medical"
    model: ClassVar[str] = "UA-651BLE"
    prefix: ClassVar[str] = "A&D_UA-651BLE_"
    services: ClassVar = ("1810",)
    measurement: ClassVar = "2A35"
    values: ClassVar[Any] = frames.Values
    failed: ClassVar[Any] = frames.FAILED
    wants_clock: ClassVar = True

    def build(self, values: Any) -> bytes:
        """The frame of these values, measured now."""
        return frames.build_timed(values, self.clock.now())

    def fail(self) -> bytes:
        """All NaN, as a UA-651BLE keeps a measurement that failed."""
        return self.build(self.failed)

    def tell(self, frame: bytes) -> Told:
        """Raises ValueError for a frame of another shape than its own."""
        own = self.build(self.failed)
        if (len(frame), frame[:1]) != (len(own), own[:1]):
            raise ValueError(
                f"a {self.model} frame has {len(own)} bytes and the flags {own[0]:02x}"
            )
        return Told(
            frames.device_time(frame), user=frames.user(frame), failed=frames.is_failed(frame)
        )

    def may_send(self, visit: Visit) -> bool:
        """Where it wants that: only to a hub that has set its clock in time."""
        return super().may_send(visit) and (not self.wants_clock or visit.has_set_clock)

    def _table(self) -> Table:
        clock = Value("2A08", self._read_time, self._write_time)
        return {
            "1810": [
                Value("2A35", sends=INDICATE),
                Value("2A49", FEATURES, public=True),
                *([] if self.is_live_only else [clock]),
            ]
        }

    def _read_time(self) -> bytes:
        return frames.pack_time(self.clock.now())

    def _write_time(self, data: bytes) -> None:
        self.set_clock(frames.unpack_time(data), by="hub")
        visit = self._visit
        if visit and self._script.boottime_ns() <= visit.since_ns + CLOCK_WITHIN_NS:
            visit.has_set_clock = True
            self._settle_visit(visit)


class SharedCuff(Cuff):
    """A cuff with a button for each of two people; each record says whose it is.

    Its clock may be set or left alone.
    """

    maker: ClassVar = "Vitalpost"
    model: ClassVar[str] = "Shared Cuff"
    prefix: ClassVar[str] = "CUFF_"
    values: ClassVar[Any] = frames.SharedValues
    failed: ClassVar[Any] = frames.SharedValues(*frames.FAILED, user=1)
    wants_clock: ClassVar = False

    def build(self, values: Any) -> bytes:
        """The frame of these values, measured now by this user."""
        return frames.build_shared(values, self.clock.now())


class ClocklessCuff(Cuff):
    """A cuff without clock and memory: the same values make the same bytes on every day.

    What is not delivered within its minute on the air, or before it measures again, is lost.
    """

    maker: ClassVar = "Vitalpost"
    model: ClassVar[str] = "Clockless"
    prefix: ClassVar[str] = "CLOCKLESS_"
    is_live_only: ClassVar = True
    wants_clock: ClassVar = False

    def build(self, values: Any) -> bytes:
        """The frame of these values."""
        return frames.build_untimed(values)
