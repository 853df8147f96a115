"""Fields that several services share: medical numbers and the time of day.

Source: IEEE 11073-20601 for SFLOAT and FLOAT; GATT Specification Supplement, 0x2A2B
"""

from __future__ import annotations

import struct
from datetime import datetime

from simulator.frames import DATE_TIME, pack_time, unpack_time

CURRENT_TIME = struct.Struct(f"<{DATE_TIME.size}s3B")
LARGEST_SFLOAT, LARGEST_FLOAT = 2045, 8_388_605  # mantissas above are specials


def sfloat(mantissa: int, exponent: int = 0) -> bytes:
    """`mantissa` times ten to the `exponent` in two bytes. Raises ValueError where it is none."""
    if not 0 <= mantissa <= LARGEST_SFLOAT:
        raise ValueError(f"an SFLOAT's mantissa goes to {LARGEST_SFLOAT}")
    return (exponent % 16 << 12 | mantissa).to_bytes(2, "little")


def float32(mantissa: int, exponent: int = 0) -> bytes:
    """The same in four bytes."""
    if not 0 <= mantissa <= LARGEST_FLOAT:
        raise ValueError(f"a FLOAT's mantissa goes to {LARGEST_FLOAT}")
    return (exponent % 256 << 24 | mantissa).to_bytes(4, "little")


def pack_current(at: datetime) -> bytes:
    """The ten bytes of a Current Time."""
    return CURRENT_TIME.pack(pack_time(at), at.isoweekday(), 0, 0)


def unpack_current(data: bytes) -> datetime:
    """The time in ten bytes. Raises ValueError where they are none."""
    if len(data) != CURRENT_TIME.size:
        raise ValueError(f"a Current Time has {CURRENT_TIME.size} bytes, not {len(data)}")
    return unpack_time(CURRENT_TIME.unpack(data)[0])
