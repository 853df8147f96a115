"""A glucose meter with a memory: it answers at its control point and may go away in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from drivers.device_clock import DATE_TIME, encode
from drivers.spi import Frame

NEW_YEAR = datetime.fromisoformat("2026-01-01T00:00")
CONCENTRATION = bytes.fromhex("64b011")


class GlucoseMeter:
    """Counts, and reports all or from a number on; keeps the newest `capacity` records.

    `bookmark` is the gateway's. After `patience` frames of a session the meter is gone.
    """

    name = "meter"

    def __init__(self, first: int = 0, capacity: int = 1000) -> None:
        self.bookmark = ""
        self.next = first
        self.patience = 10**6
        self.records: list[tuple[int, bytes]] = []
        self._capacity = capacity
        self._now = NEW_YEAR
        self._sent: list[Frame] = []

    def measure(self) -> None:
        self._now += timedelta(seconds=1)
        number = self.next.to_bytes(2, "little")
        frame = b"\2" + number + encode(DATE_TIME, self._now) + CONCENTRATION
        self.records = [*self.records, (self.next, frame)][-self._capacity :]
        self.next = (self.next + 1) % 0x10000

    def offers(self, characteristic: str) -> bool:
        return characteristic in {"2A18", "2A52"}

    def local_time(self) -> datetime | None:
        return None

    async def write(self, characteristic: str, value: bytes) -> None:
        assert characteristic == "2A52"
        first = int.from_bytes(value[3:], "little") if value[1] == 3 else 0
        asked = [frame for number, frame in self.records if number >= first]
        match value[0]:
            case 4:
                self._sent.append(Frame("2A52", b"\5\0" + len(asked).to_bytes(2, "little")))
            case 1:
                self._sent += [Frame("2A18", frame) for frame in asked]
                self._sent.append(Frame("2A52", b"\6\0\1" + (b"\1" if asked else b"\6")))
            case _:
                raise AssertionError(f"{value.hex()} neither counts nor reports")

    def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        assert characteristics == ("2A18", "2A52")
        self._sent.clear()
        return self._frames(self.patience)

    async def _frames(self, patience: int) -> AsyncIterator[Frame]:
        while self._sent and patience:
            patience -= 1
            yield self._sent.pop(0)
