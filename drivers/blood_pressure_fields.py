"""The fields of blood pressure values, final (0x2A35) and while the cuff deflates (0x2A36).

Source: GATT Specification Supplement, 0x2A35 and 0x2A36; IEEE 11073-20601 for SFLOAT
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import NamedTuple

from drivers.reader import Reader, Special
from drivers.spi import Metric, Unit

MEAN = Metric.MDC_PRESS_BLD_NONINV_MEAN
PRESSURES = (Metric.MDC_PRESS_BLD_NONINV_SYS, Metric.MDC_PRESS_BLD_NONINV_DIA, MEAN)
PULSE = Metric.MDC_PULS_RATE_NON_INV
STATUS = (  # mask, value under it, name
    (0x01, 0x01, "body_movement"),
    (0x02, 0x02, "cuff_too_loose"),
    (0x04, 0x04, "irregular_pulse"),
    (0x18, 0x08, "pulse_above_range"),
    (0x18, 0x10, "pulse_below_range"),
    (0x18, 0x18, "pulse_range_reserved"),
    (0x20, 0x20, "improper_position"),
    *((1 << bit, 1 << bit, f"status_bit_{bit}") for bit in range(6, 16)),
)
BM85_FLAGS = 0x56
RESERVED_FLAGS = 0xE0


class Flag(IntFlag):
    """What a 0x2A35 value holds."""

    KPA = 1
    TIME_STAMP = 2
    PULSE = 4
    USER_ID = 8
    STATUS = 16


class Fields(NamedTuple):
    """What one value of 0x2A35 or 0x2A36 holds; `attributes` is what is no measurement."""

    sent: Mapping[Metric, Decimal | Special]
    unit: Unit
    time: datetime | None
    status: tuple[str, ...]
    attributes: Mapping[str, int]
    is_bm85: bool


def read(frame: bytes, name: str = "") -> Fields:
    """The fields of one value. Raises DecodeError.

    A Beurer BM85 with flags 0x56 sends pulse and status as plain big-endian integers with a user id
    between them that no flag announces (capture, derdilla/blood-pressure-monitor-fl#735).
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    is_bm85 = "BM85" in name.upper() and flags == BM85_FLAGS
    sent: dict[Metric, Decimal | Special] = {metric: reader.sfloat() for metric in PRESSURES}
    time = reader.date_time() if flags & Flag.TIME_STAMP else None
    if flags & Flag.PULSE:
        sent[PULSE] = Decimal(reader.uint(2, "big")) if is_bm85 else reader.sfloat()
    user_id = reader.uint(1) if flags & Flag.USER_ID or is_bm85 else None
    status = reader.uint(2, "big" if is_bm85 else "little") if flags & Flag.STATUS else 0
    reader.end()
    attributes = {"user_id": user_id, "unknown_flags": flags & RESERVED_FLAGS or None}
    return Fields(
        sent=sent,
        unit=Unit.KPA if flags & Flag.KPA else Unit.MMHG,
        time=time,
        status=tuple(name for mask, value, name in STATUS if status & mask == value),
        attributes={name: value for name, value in attributes.items() if value is not None},
        is_bm85=is_bm85,
    )
