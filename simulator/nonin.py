"""Oximeters of Nonin on a cable: one that streams, and one that keeps its spot checks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from simulator.cable import Cable

SET_FORMAT, TIME, ANSWER, ACKNOWLEDGED, STX, ETX = 0x70, 0x72, 0xF2, 0x06, 0x02, 0x03
SENSOR_ALARM = 0x08
FROM_MEMORY, SMART_POINT = 0x0010, 0x0200
ALARMS = 10  # seconds for which a value is repeated after the finger is taken out
NO_PULSE, NO_SPO2 = 511, 127
KEPT = 20  # spot checks that its memory holds


class SpotCheck(NamedTuple):
    """What was measured, and what the device's clock showed."""

    pulse: int
    spo2: int
    at: datetime

    def frame(self, *, from_memory: bool) -> bytes:
        """In format 13, with a date in decimal digits."""
        fields = (self.at.year // 100, self.at.year % 100, *self.at.timetuple()[1:6], 0)
        status = SMART_POINT | (FROM_MEMORY if from_memory else 0)
        data = bytes(int(str(field), 16) for field in fields) + status.to_bytes(2, "big")
        data += self.pulse.to_bytes(2, "big") + bytes((0, self.spo2))
        header = b"\x00\x02\x00\x0d" + len(data).to_bytes(2, "big")
        return header + data + bytes((sum(data) & 0xFF, ETX))


class SpotChecker(Cable):
    """An Onyx II 9560 in format 13: it sends what it has kept first, and forgets what it sent.

    It answers nothing but the question for its time and the choice of a format.
    """

    def __init__(self, port: Path, now: datetime, seed: int = 0) -> None:
        super().__init__(port, seed)
        self.now = now
        self.memory: list[SpotCheck] = []
        self.format = 0

    def keep(self, pulse: int, spo2: int) -> None:
        """Take a spot check out of the hub's reach."""
        self.memory = [*self.memory, SpotCheck(pulse, spo2, self.now)][-KEPT:]

    def measure(self, pulse: int, spo2: int) -> bytes:
        """Take one while connected; returns what is sent, the memory first."""
        kept, self.memory = self.memory, []
        sent = b"".join(each.frame(from_memory=True) for each in kept)
        sent += SpotCheck(pulse, spo2, self.now).frame(from_memory=False)
        self.write(sent)
        return sent

    def answer(self) -> bytes:
        """Obey what was heard; returns it."""
        heard = rest = self.heard()
        while len(rest) > 3 and rest[0] == STX:  # noqa: PLR2004  STX, code and size
            code, size = rest[1:3]
            data, rest = rest[3 : 3 + size], rest[4 + size :]
            if code == SET_FORMAT:
                self.format = data[-1]
                self.write(bytes((ACKNOWLEDGED,)))
            elif code == TIME and size:
                year, *others = data
                self.now = datetime(2000 + year, *others)  # type: ignore[arg-type]  # noqa: DTZ001  five of them; it knows no zone
            elif code == TIME:
                shown = (self.now.year % 100, *self.now.timetuple()[1:6])
                self.write(bytes((STX, ANSWER, len(shown), *shown, ETX)))
        return heard


class StreamingOximeter(Cable):
    """An OEM III board: three packets of format 2 a second.

    For ten seconds after the finger is taken out it repeats the last value with the sensor alarm.
    """

    def __init__(self, port: Path, seed: int = 0) -> None:
        super().__init__(port, seed)
        self.pulse = 72
        self.spo2 = 97
        self.alarms = 0

    def beat(self, seconds: int = 1) -> bytes:
        """Send so much at once; returns it."""
        sent = b"".join(self._packet() for _ in range(3 * seconds))
        self.write(sent)
        return sent

    def take_finger_out(self) -> bytes:
        """Send what follows; then it has nothing to say. Returns the ten seconds of alarm."""
        self.alarms = 3 * ALARMS
        sent = self.beat(ALARMS)
        self.pulse, self.spo2 = NO_PULSE, NO_SPO2
        self.alarms = 3
        return sent + self.beat()

    def _packet(self) -> bytes:
        alarm = SENSOR_ALARM if self.alarms else 0
        self.alarms = max(0, self.alarms - 1)
        floats = [self.pulse >> 7, self.pulse & 0x7F, self.spo2, 48, *[0] * 21]
        packet = bytearray()
        for place, value in enumerate(floats):
            frame = bytes((1, 0x80 | alarm | (place == 0), 100 + place, value))
            packet += frame + bytes((sum(frame) & 0xFF,))
        return bytes(packet)
