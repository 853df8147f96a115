"""A cursor over one frame that fails in one way: `DecodeError`, with the byte it failed at."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from drivers.errors import DecodeError

FIRST_YEAR = 1582  # of the Gregorian calendar: years before are reserved
LEAP_YEAR = 2000


class Special(StrEnum):
    """What an SFLOAT says instead of a number (IEEE 11073-20601, SFLOAT-Type)."""

    NAN = "NaN"
    NRES = "NRes"
    POSITIVE_INFINITY = "+INF"
    NEGATIVE_INFINITY = "-INF"
    RFU = "RFU"


# Only with exponent 0: 0xF7FF is the number 204.7.
_SPECIALS = {
    0x07FE: Special.POSITIVE_INFINITY,
    0x07FF: Special.NAN,
    0x0800: Special.NRES,
    0x0801: Special.RFU,
    0x0802: Special.NEGATIVE_INFINITY,
}


class Reader:
    """Reads `frame` from its first byte on; every method moves on or raises."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    def uint(self, size: int, order: Literal["little", "big"] = "little") -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self._take(size), order)

    def sfloat(self) -> Decimal | Special:
        """A 16-bit SFLOAT with mantissa and exponent as sent, so that 120 and 120.0 stay apart."""
        bits = self.uint(2)
        if bits in _SPECIALS:
            return _SPECIALS[bits]
        # Both fields are two's complement: flip the sign bit, take its weight away.
        mantissa, exponent = (bits & 0x0FFF ^ 0x0800) - 0x0800, (bits >> 12 ^ 0x8) - 0x8
        return Decimal(mantissa).scaleb(exponent)

    def date_time(self) -> datetime | None:
        """A Date Time of 7 bytes, naive; None where year, month or day is 0, "not known".

        GATT Specification Supplement, Date Time (0x2A08).
        """
        start = self._at
        year, month, day = self.uint(2), self.uint(1), self.uint(1)
        hour, minute, second = self.uint(1), self.uint(1), self.uint(1)
        try:
            # In place of what is not known stands what allows every value of the rest.
            time = datetime(year or LEAP_YEAR, month or 1, day or 1, hour, minute, second)  # noqa: DTZ001  no zone is sent
        except ValueError:
            raise DecodeError("no such date or time", self._frame, start) from None
        if 0 < year < FIRST_YEAR:
            raise DecodeError("a reserved year", self._frame, start)
        return time if year and month and day else None

    def end(self) -> None:
        """Refuse a frame that goes on."""
        if left := len(self._frame) - self._at:
            raise DecodeError(f"frame goes on for {left}", self._frame, self._at)

    def _take(self, size: int) -> bytes:
        field = self._frame[self._at : self._at + size]
        if len(field) < size:
            raise DecodeError(f"{size}-byte field cut to {len(field)}", self._frame, self._at)
        self._at += size
        return field
