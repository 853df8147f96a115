"""A pill dispenser of docs/dispenser-protocol.md, without a transport: bytes in, bytes out.

It shares no code with the driver, so that the page alone makes them understand each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

OPENED, ROTATED, DISPENSED, MISSED, REFILLED, JAMMED, BATTERY = 1, 2, 3, 4, 16, 17, 18
TAGS = {"compartment": (1, 1), "doses": (2, 1), "user": (4, 1), "percent": (5, 1), "code": (6, 2)}
NO_SUCH_RECORD, UNKNOWN_TYPE = 2, 1


def crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit as a small processor does it."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return register


def frame(kind: int, body: bytes) -> bytes:
    """A frame around a body."""
    checked = bytes((len(body), kind)) + body
    return b"\x56" + checked + crc(checked).to_bytes(2, "little")


def pack(time: datetime) -> bytes:
    """Seven bytes of date and time."""
    return time.year.to_bytes(2, "little") + bytes(time.timetuple()[1:6])


class Dispenser:
    """Remembers what happened until it is told that it is stored.

    `now` is true time; its own clock runs beside it by what it was set to, and is not set at first.
    A full memory forgets the oldest record.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        model: str = "D1",
        serial: str = "D1-000123",
        store: int = 0x1A2B3C4D,
        capacity: int = 512,
    ) -> None:
        self.memory: dict[int, bytes] = {}
        self.percent = 80
        self.store = store
        self.last = 0
        self._now = now
        self._ahead: timedelta | None = None
        self._texts = ("Vitalpost", model, serial, "1.0")
        self._capacity = capacity
        self._heard = b""

    def show(self) -> datetime | None:
        """What its clock shows; None before it was set."""
        return None if self._ahead is None else (self._now() + self._ahead).replace(microsecond=0)

    def set_clock(self, time: datetime | None) -> None:
        """Set the clock, or lose it as without a battery."""
        self._ahead = None if time is None else time - self._now()

    def happen(self, kind: int, **fields: int) -> bytes:
        """Remember an event; returns what it sends at once to whoever is connected."""
        self.last += 1
        shown = self.show()
        body = self._place(self.last) + bytes((kind, shown is not None))
        body += pack(shown) if shown else bytes(7)
        for name, value in fields.items():
            tag, size = TAGS[name]
            body += bytes((tag, size)) + value.to_bytes(size, "little")
        self.memory[self.last] = frame(0x84, body)
        if len(self.memory) > self._capacity:
            del self.memory[min(self.memory)]
        return self.memory[self.last]

    def wake(self) -> bytes:
        """What it sends by itself after power-up."""
        self._heard = b""
        return self._hello()

    def erase(self, store: int) -> None:
        """Begin anew at record 1, in a store of another name."""
        self.memory.clear()
        self.store, self.last = store, 0

    def hear(self, data: bytes) -> bytes:
        """The answers to what was written, cut anywhere; what is no frame it skips."""
        self._heard += data
        said = b""
        while len(self._heard) >= 5:  # noqa: PLR2004  the shortest frame
            size = 5 + self._heard[1]
            found = self._heard[:size]
            if self._heard[:1] == b"\x56" and len(found) < size:
                break
            if self._heard[:1] != b"\x56" or crc(found[1:-2]) != found[-2] | found[-1] << 8:
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[size:]
            said += self._answer(found[2], found[3:-2])
        return said

    def _answer(self, kind: int, body: bytes) -> bytes:  # noqa: PLR0911  one for each command
        match kind:
            case 0x01:
                return self._hello()
            case 0x02:
                return self._clock(0x82)
            case 0x03:
                year = int.from_bytes(body[:2], "little")
                self.set_clock(datetime(year, *body[2:7]))  # noqa: DTZ001  no zone is sent
                return self._clock(0x83)
            case 0x04:
                number = int.from_bytes(body[4:8], "little")
                if body[:4] == self._place(0)[:4] and number in self.memory:
                    return self.memory[number]
                following = min((n for n in self.memory if n > number), default=self.last + 1)
                return frame(0x8F, bytes((NO_SUCH_RECORD,)) + following.to_bytes(4, "little"))
            case 0x05:
                number = int.from_bytes(body[4:8], "little")
                if body[:4] == self._place(0)[:4]:
                    self.memory = {n: kept for n, kept in self.memory.items() if n > number}
                return frame(0x85, body)
            case _:
                return frame(0x8F, bytes((UNKNOWN_TYPE, 0, 0, 0, 0)))

    def _hello(self) -> bytes:
        body = bytes((1,)) + self._place(self._first()) + self.last.to_bytes(4, "little")
        body += bytes((self.percent,))
        for text in self._texts:
            body += bytes((len(text.encode()),)) + text.encode()
        return frame(0x81, body)

    def _clock(self, kind: int) -> bytes:
        shown = self.show()
        return frame(kind, bytes((shown is not None,)) + (pack(shown) if shown else bytes(7)))

    def _first(self) -> int:
        return min(self.memory, default=self.last + 1)

    def _place(self, number: int) -> bytes:
        return self.store.to_bytes(4, "little") + number.to_bytes(4, "little")
