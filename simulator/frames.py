"""Blood Pressure Measurement frames as cuffs send them, built from the standard's field list.

Source: GATT Specification Supplement, 0x2A35; SFLOAT: IEEE 11073-20601. Captured frames of the
UA-651BLE have the flags 0x16 and hold 18 bytes.
"""

from __future__ import annotations

import struct
from datetime import datetime
from typing import NamedTuple

NAN = 0x07FF  # SFLOAT NaN
LARGEST = 2045  # of an SFLOAT with exponent 0: 2046 and 2047 are +INF and NaN

TIME, PULSE, USER, STATUS = 0x02, 0x04, 0x08, 0x10  # flag bits; mm[Hg]
TIMED = struct.Struct("<B3HH5BHH")
SHARED = struct.Struct("<B3HH5BHBH")
USER_AT = 16
UNTIMED = struct.Struct("<B3HH")
DATE_TIME = struct.Struct("<H5B")  # characteristic 0x2A08 and the time stamp of a frame


class Values(NamedTuple):
    """What a cuff measured: mm[Hg], and beats per minute. All NaN is a failed measurement."""

    systolic: int
    diastolic: int
    mean: int
    pulse: int


FAILED = Values(NAN, NAN, NAN, NAN)


class SharedValues(NamedTuple):
    """The same of a cuff that knows who measured: its user's number, from 1."""

    systolic: int
    diastolic: int
    mean: int
    pulse: int
    user: int


def build_timed(values: Values, at: datetime) -> bytes:
    """A frame with time stamp, pulse and an empty status, as the UA-651BLE sends it."""
    *pressures, pulse = values
    return TIMED.pack(TIME | PULSE | STATUS, *pressures, *at.timetuple()[:6], pulse, 0)


def build_shared(values: SharedValues, at: datetime) -> bytes:
    """The same with a user id before the status."""
    *pressures, pulse, user = values
    flags = TIME | PULSE | USER | STATUS
    return SHARED.pack(flags, *pressures, *at.timetuple()[:6], pulse, user, 0)


def build_untimed(values: Values) -> bytes:
    """A frame with pulse and nothing else: the same values make the same bytes."""
    return UNTIMED.pack(PULSE, *values)


def is_failed(frame: bytes) -> bool:
    """Whether all three pressures are NaN."""
    return struct.unpack_from("<3H", frame, 1) == FAILED[:3]


def device_time(frame: bytes) -> datetime | None:
    """The frame's time stamp. Raises ValueError where it is no date."""
    return unpack_time(frame[7:14]) if frame[0] & TIME else None


def user(frame: bytes) -> int | None:
    """Who measured, where the frame says it."""
    return frame[USER_AT] if frame[0] & USER else None


def pack_time(at: datetime) -> bytes:
    """The seven bytes of a Date Time (0x2A08)."""
    return DATE_TIME.pack(*at.timetuple()[:6])


def unpack_time(data: bytes) -> datetime:
    """The time in seven bytes. Raises ValueError where they are no date."""
    if len(data) != DATE_TIME.size:
        raise ValueError(f"a Date Time has {DATE_TIME.size} bytes, not {len(data)}")
    return datetime(*DATE_TIME.unpack(data))  # noqa: DTZ001  the device states no zone
