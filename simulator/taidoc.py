"""A TaiDoc meter without a transport: eight bytes in, eight bytes out.

Source: that of drivers/taidoc_record.py; that a command of no meaning is not answered is assumed
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

SIZE = 8
USER_CUFF = 0x3
NO_USERS = 0


def build(command: int, data: bytes) -> bytes:
    """A frame of the meter."""
    body = bytes((0x51, command, *data, 0xA5))
    return body + bytes((sum(body) & 0xFF,))


def pack(time: datetime) -> bytes:
    """Four bytes of date and time."""
    date = (time.year - 2000) << 9 | time.month << 5 | time.day
    return date.to_bytes(2, "little") + bytes((time.minute, time.hour))


class Meter:
    """Remembers what it measured, the newest first, for each user of a cuff; `now` is true time.

    A full memory forgets the oldest record, and keeps its count.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        model: int = 0x3140,
        serial: str = "3140A20250000017",
        capacity: int = 450,
    ) -> None:
        self.memory: dict[int, list[tuple[bytes, bytes]]] = {}
        self.count_lie = 0
        self.is_off = False
        self._now = now
        self._ahead = timedelta()
        self._model = model
        self._serial = bytes.fromhex(serial)
        self._capacity = capacity
        self._heard = b""

    def show(self) -> datetime:
        """What its clock shows, to the minute."""
        return (self._now() + self._ahead).replace(second=0, microsecond=0)

    def set_clock(self, time: datetime) -> None:
        """Set the clock."""
        self._ahead = time - self._now()

    def measure(
        self, value: bytes, minute_flags: int = 0, hour_flags: int = 0, user: int = 1
    ) -> bytes:
        """Keep a value of four bytes, measured now; returns the notification that it sends."""
        day, month, minute, hour = pack(self.show())
        time = bytes((day, month, minute | minute_flags, hour | hour_flags))
        user = user if self._model >> 12 == USER_CUFF else NO_USERS
        memory = self.memory.setdefault(user, [])
        memory.insert(0, (time, value))
        del memory[self._capacity :]
        return build(0x54, bytes(4))

    def hear(self, data: bytes) -> bytes:
        """The answers to what was written, cut anywhere; what is no command has none."""
        if self.is_off:
            return b""
        self._heard += data
        said = b""
        while len(self._heard) >= SIZE:
            found = self._heard[:SIZE]
            if found[0] != 0x51 or found[6] != 0xA3 or sum(found[:7]) & 0xFF != found[7]:  # noqa: PLR2004  as the frame is
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[SIZE:]
            said += self._answer(found[1], found[2:6])
        return said

    def _answer(self, command: int, data: bytes) -> bytes:  # noqa: PLR0911  one for each command
        match command:
            case 0x23:
                return build(command, pack(self.show()))
            case 0x24:
                return build(command, self._model.to_bytes(2, "little") + bytes(2))
            case 0x25 | 0x26:
                index = int.from_bytes(data[:2], "little")
                memory = self.memory.get(data[3], [])
                return build(command, memory[index][command - 0x25]) if index < len(memory) else b""
            case 0x27:
                return build(command, self._serial[:3:-1])
            case 0x28:
                return build(command, self._serial[3::-1])
            case 0x2B:
                count = len(self.memory.get(data[0], [])) + self.count_lie
                return build(command, count.to_bytes(2, "little") + bytes(2))
            case 0x33:
                date = int.from_bytes(data[:2], "little")
                year, month, day = 2000 + (date >> 9), date >> 5 & 15, date & 31
                self.set_clock(datetime(year, month, day, data[3] & 31, data[2] & 63))  # noqa: DTZ001  no zone is sent
                return build(command, data)
            case 0x50:
                self.is_off = True
                return build(command, data)
            case _:
                return b""
