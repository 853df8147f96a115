"""Records that wait for their epoch: only then is known what they count from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.clock import Moment
from uplink.records import EpochStart, Record, Stamp


class RecordName(NamedTuple):
    """Which record of this hub: its epoch, and its sequence in that."""

    kid: bytes
    sequence: int


class DeviceFacts(NamedTuple):
    """What a device record says; records refer to it by index."""

    driver: str
    driver_version: str
    identity: tuple[str, str, str] | bytes
    transport: str
    name: str = ""
    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""

    def __repr__(self) -> str:
        return f"DeviceFacts(driver={self.driver})"


class Place(NamedTuple):
    """Where a record comes to stand: its epoch, and its device's index there (0: none)."""

    start: EpochStart
    device: int = 0

    def since_ms(self, moment: Moment) -> int:
        """BOOTTIME of `moment` since the epoch began."""
        return max(0, moment.boottime_ms - self.start.boottime_ms)

    def stamp(self, moment: Moment) -> Stamp:
        """`moment` as a record of this epoch says it."""
        return Stamp(self.since_ms(moment), moment.utc_ms, moment.quality)


Draft = Callable[[Place], Record]
"""A record that waits for its epoch."""
