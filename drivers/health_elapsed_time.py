"""Elapsed Time: a clock as a count of seconds or their parts, or of ticks of no known beginning.

Source: GATT Specification Supplement, Elapsed Time (Current Elapsed Time is 0x2BF2); Elapsed Time
        Service 1.0
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntFlag
from typing import NamedTuple

from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import ClockRead, Frame

CURRENT_TIME = "2BF2"
BEGIN = datetime(2000, 1, 1)  # noqa: DTZ001  whether it is UTC or local is told beside it
TICK_US = (1_000_000, 100_000, 1000, 100)
QUARTER_MIN = 15
NEEDS_SETTING = 0x01


class Flag(IntFlag):
    """What the count means; bits 2 and 3 are its resolution."""

    TICKS = 0x01
    UTC = 0x02
    OFFSET = 0x10
    CURRENT_TIMELINE = 0x20
    RESERVED = 0xC0


class Stamp(NamedTuple):
    """`time` as the device's clock has it: UTC or local, as `attributes` say; None for ticks.

    A stamp of an earlier timeline was made before the clock was set or began anew: no reading of
    the clock says anything of it.
    """

    time: datetime | None
    is_current: bool
    attributes: dict[str, int | str]


def read(reader: Reader, frame: bytes) -> Stamp:
    """The 9 bytes that come next. Raises DecodeError."""
    start = reader.at
    flags, count = reader.uint(1), reader.uint(6)
    source, offset = reader.uint(1), reader.sint(1)
    attributes: dict[str, int | str] = {"time_source": source}
    if flags & Flag.RESERVED:
        attributes["unknown_time_flags"] = flags & Flag.RESERVED
    if flags & Flag.TICKS:
        attributes["ticks"] = count
        return Stamp(None, bool(flags & Flag.CURRENT_TIMELINE), attributes)
    attributes["clock"] = "utc" if flags & Flag.UTC else "local"
    if flags & Flag.OFFSET:
        attributes["utc_offset_min"] = offset * QUARTER_MIN
    try:
        time = BEGIN + timedelta(microseconds=count * TICK_US[flags >> 2 & 3])
    except OverflowError:
        raise DecodeError("no such date or time", frame, start) from None
    return Stamp(time, bool(flags & Flag.CURRENT_TIMELINE), attributes)


def decode_clock(frame: Frame) -> ClockRead:
    """The clock in one 0x2BF2 value; it has no time where it counts ticks or asks to be set."""
    reader = Reader(frame.data)
    stamp = read(reader, frame.data)
    status = reader.uint(1)
    reader.uint(1)  # whether it follows summer time and zones by itself
    reader.end()
    return ClockRead(None if status & NEEDS_SETTING else stamp.time, frame)
