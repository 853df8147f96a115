"""Device clocks: Date Time (0x2A08) and Current Time (0x2A2B), read before they are set.

Source: GATT Specification Supplement, both characteristics; Current Time Service 1.1
Clock:  device local time in whole seconds, no zone
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from enum import Enum

from drivers.characteristic import read_if_allowed, write_if_allowed
from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import ClockRead, ClockSet, Frame, GattLink, Undecodable

DATE_TIME = "2A08"
CURRENT_TIME = "2A2B"
CHARACTERISTICS = (DATE_TIME, CURRENT_TIME)
TOLERANCE = timedelta(seconds=30)
EXTERNAL_REFERENCE = 0x02  # Adjust Reason: set by a clock outside the device


class Setting(Enum):
    """When a device's clock is written."""

    NEVER = "never"
    WHEN_WRONG = "when wrong"
    ALWAYS = "always"


def decode(frame: Frame) -> datetime | None:
    """The time in a 0x2A08 or 0x2A2B value, None where the device does not know it."""
    reader = Reader(frame.data)
    time = reader.date_time()
    if frame.source == CURRENT_TIME:
        reader.uint(3)  # day of week, 1/256 s, adjust reason: the date says the first
    reader.end()
    return time


def encode(characteristic: str, time: datetime) -> bytes:
    """The value of 0x2A08 or 0x2A2B that sets a clock to the whole second of `time`."""
    value = time.year.to_bytes(2, "little") + bytes(time.timetuple()[1:6])
    if characteristic == CURRENT_TIME:
        value += bytes((time.isoweekday(), 0, EXTERNAL_REFERENCE))
    return value


async def adjust(
    link: GattLink, setting: Setting
) -> AsyncIterator[ClockRead | ClockSet | Undecodable]:
    """Read the device's clock, then set it if `setting` says so.

    What was read is committed before it is destroyed. `WHEN_WRONG` leaves alone what is right
    within `TOLERANCE`, and what could not be read. `ALWAYS` is for devices that send nothing unless
    written to: while the hub's own clock is not trusted they are given back what they said.
    """
    source = next(filter(link.offers, CHARACTERISTICS), None)
    if source is None:
        return
    read = None
    if frame := await read_if_allowed(link, source):
        try:
            read = ClockRead(decode(frame), frame)
        except DecodeError as error:
            yield Undecodable(error, (frame,))
        else:
            yield read
    if time := _time_to_write(setting, read, link.local_time()):
        value = encode(source, time)
        if await write_if_allowed(link, source, value):
            yield ClockSet(time.replace(microsecond=0), Frame(source, value))


def _time_to_write(
    setting: Setting, read: ClockRead | None, now: datetime | None
) -> datetime | None:
    shown = read.device_time if read else None
    match setting:
        case Setting.ALWAYS:
            return now or shown
        case Setting.WHEN_WRONG if read and now:
            is_right = shown is not None and abs(now - shown) <= TOLERANCE
            return None if is_right else now
        case _:
            return None
