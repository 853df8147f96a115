"""Frames of TaiDoc meters: eight bytes, the fourth and fifth date, the last a sum.

    51  command  four bytes of data  A3 from the host, A5 from the meter  sum of the seven, mod 256

Source: glucometers-tech/glucometer-protocols@5f9e82f src/taidoc/td42xx.md;
        advmeds-service/advmeds-bluetooth-lib@0e83080
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from drivers.errors import DecodeError

SIZE = 8
START = 0x51
HOST = 0xA3
METER = 0xA5
COMMAND = 1
DATA = slice(2, 6)
END = 6
FIRST_YEAR = 2000
LAST_YEAR = FIRST_YEAR + 0x7F


def build(command: int, data: bytes = bytes(4), end: int = HOST) -> bytes:
    """A frame around four bytes of data."""
    body = bytes((START, command, *data, end))
    return bytes((*body, sum(body) & 0xFF))


def check(frame: bytes) -> None:
    """Raise DecodeError for what is no frame, of host or meter."""
    if len(frame) != SIZE:
        raise DecodeError(f"a frame has {SIZE} bytes", frame, min(len(frame), SIZE))
    if frame[0] != START:
        raise DecodeError("no start byte", frame, 0)
    if frame[END] not in {HOST, METER}:
        raise DecodeError("no end byte", frame, END)
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        raise DecodeError("wrong checksum", frame, SIZE - 1)


def split(frames: bytes) -> list[bytes]:
    """Frames that came as one. Raises DecodeError where they are not whole."""
    if not frames or len(frames) % SIZE:
        raise DecodeError(f"no multiple of {SIZE} bytes", frames, len(frames))
    found = [frames[at : at + SIZE] for at in range(0, len(frames), SIZE)]
    for number, frame in enumerate(found):
        try:
            check(frame)
        except DecodeError as error:
            raise DecodeError(error.what, frames, number * SIZE + error.at) from None
    return found


def unpack_time(frame: bytes) -> datetime | None:
    """The time in the data of a frame, to the minute; None without month or day: never set.

    Seven bits of year since 2000, four of month and five of day, little-endian; minute; hour. What
    stands above minute and hour is no time. Raises DecodeError for what is none.
    """
    date = int.from_bytes(frame[2:4], "little")
    year, month, day = FIRST_YEAR + (date >> 9), date >> 5 & 0x0F, date & 0x1F
    minute, hour = frame[4] & 0x3F, frame[5] & 0x1F
    try:
        # In place of what is not known stands what allows every value of the rest.
        time = datetime(year, month or 1, day or 1, hour, minute)  # noqa: DTZ001  no zone is sent
    except ValueError:
        raise DecodeError("no such date or time", frame, DATA.start) from None
    return time if month and day else None


def pack_time(time: datetime) -> bytes:
    """The four bytes that set a clock to the minute of `time`."""
    date = (time.year - FIRST_YEAR) << 9 | time.month << 5 | time.day
    return date.to_bytes(2, "little") + bytes((time.minute, time.hour))


class Framer:
    """Finds frames in bytes cut anywhere; what is none is skipped byte by byte."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""
        self._held += data
        while len(self._held) >= SIZE:
            frame = bytes(self._held[:SIZE])
            try:
                check(frame)
            except DecodeError:
                del self._held[0]
            else:
                del self._held[:SIZE]
                yield frame
