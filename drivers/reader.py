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
    """What an SFLOAT or a FLOAT says instead of a number (IEEE 11073-20601, both types)."""

    NAN = "NaN"
    NRES = "NRes"
    POSITIVE_INFINITY = "+INF"
    NEGATIVE_INFINITY = "-INF"
    RFU = "RFU"


# Only with exponent 0: the SFLOAT 0xF7FF is the number 204.7.
_SFLOAT_SPECIALS = {
    0x07FE: Special.POSITIVE_INFINITY,
    0x07FF: Special.NAN,
    0x0800: Special.NRES,
    0x0801: Special.RFU,
    0x0802: Special.NEGATIVE_INFINITY,
}
_FLOAT_SPECIALS = {
    0x007FFFFE: Special.POSITIVE_INFINITY,
    0x007FFFFF: Special.NAN,
    0x00800000: Special.NRES,
    0x00800001: Special.RFU,
    0x00800002: Special.NEGATIVE_INFINITY,
}


class Reader:
    """Reads `frame` from its first byte on; every method moves on or raises."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    @property
    def at(self) -> int:
        """The byte that is read next."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes follow."""
        return len(self._frame) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes as they are."""
        field = self._frame[self._at : self._at + size]
        if len(field) < size:
            raise DecodeError(f"{size}-byte field cut to {len(field)}", self._frame, self._at)
        self._at += size
        return field

    def uint(self, size: int, order: Literal["little", "big"] = "little") -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), order)

    def sint(self, size: int) -> int:
        """A little-endian integer of `size` bytes in two's complement."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def sfloat(self) -> Decimal | Special:
        """A 16-bit SFLOAT with mantissa and exponent as sent, so that 120 and 120.0 stay apart."""
        bits = self.uint(2)
        # Both fields are two's complement: flip the sign bit, take its weight away.
        mantissa, exponent = (bits & 0x0FFF ^ 0x0800) - 0x0800, (bits >> 12 ^ 0x8) - 0x8
        return _SFLOAT_SPECIALS.get(bits) or Decimal(mantissa).scaleb(exponent)

    def float32(self) -> Decimal | Special:
        """A 32-bit FLOAT with mantissa and exponent as sent: 24 bits of the one, 8 of the other."""
        bits = self.uint(4)
        mantissa, exponent = (bits & 0xFFFFFF ^ 0x800000) - 0x800000, (bits >> 24 ^ 0x80) - 0x80
        return _FLOAT_SPECIALS.get(bits) or Decimal(mantissa).scaleb(exponent)

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
        if self.left:
            raise DecodeError(f"frame goes on for {self.left}", self._frame, self._at)
