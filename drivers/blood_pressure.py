"""Blood pressure cuffs that speak the Bluetooth SIG Blood Pressure Service.

Devices: any that expose service 0x1810; quirks of A&D, Beurer BM85 and Omron by advertised name
Source:  GATT Specification Supplement, 0x2A35; IEEE 11073-20601 for SFLOAT
Clock:   device local time, no zone, absent when never set; 0x2A08 or 0x2A2B where offered
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from enum import IntFlag
from typing import ClassVar

from drivers import device_clock, device_information
from drivers.device_clock import Setting
from drivers.errors import DecodeError
from drivers.reader import Reader, Special
from drivers.spi import (
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Metric,
    Observation,
    Origin,
    Reading,
    Undecodable,
    Unit,
)

MEASUREMENT = "2A35"
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
A_AND_D = "A&D"
BM85_FLAGS = 0x56
RESERVED_FLAGS = 0xE0


class Flag(IntFlag):
    """What a 0x2A35 value holds."""

    KPA = 1
    TIME_STAMP = 2
    PULSE = 4
    USER_ID = 8
    STATUS = 16


class BloodPressure:
    """Hands on all that a cuff indicates, what it repeats included."""

    info: ClassVar = DriverInfo(
        id="sig-blood-pressure",
        version="1.0",
        transport="ble",
        match=("1810",),
        metrics=(*PRESSURES, PULSE),
        characteristics=(
            MEASUREMENT,
            *device_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=device_clock.CHARACTERISTICS,
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, then its readings.

        The clock is set third, after some seven operations: an A&D gives us 5 s.
        """
        async for said in device_information.read(link):
            yield said
        frames = link.subscribe(MEASUREMENT)
        async for fact in device_clock.adjust(link, _setting(link.name)):
            yield fact
        async for level in device_information.read_battery(link):
            yield level
        async for frame in frames:
            try:
                reading = decode(frame.data, link.name)
            except DecodeError as error:
                yield Undecodable(error, (frame,))
            else:
                yield reading


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A35 indication of a device that advertises `name`.

    Specials are no observations: they stand in `attributes["special"]` by metric. Without a single
    pressure the reading has failed. Reserved flags stand in `attributes["unknown_flags"]`.

    A Beurer BM85 with flags 0x56 sends pulse and status as plain big-endian integers with a user id
    between them that no flag announces, and a mean pressure of 0 for none: its special is "0"
    (capture, derdilla/blood-pressure-monitor-fl#735).
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    is_bm85 = "BM85" in name.upper() and flags == BM85_FLAGS
    sent: dict[Metric, Decimal | Special] = {metric: reader.sfloat() for metric in PRESSURES}
    device_time = reader.date_time() if flags & Flag.TIME_STAMP else None
    if flags & Flag.PULSE:
        sent[PULSE] = Decimal(reader.uint(2, "big")) if is_bm85 else reader.sfloat()
    user_id = reader.uint(1) if flags & Flag.USER_ID or is_bm85 else None
    status = reader.uint(2, "big" if is_bm85 else "little") if flags & Flag.STATUS else 0
    reader.end()

    numbers = {metric: value for metric, value in sent.items() if isinstance(value, Decimal)}
    special = {metric.name: str(sent[metric]) for metric in sent if metric not in numbers}
    if is_bm85 and numbers.get(MEAN) == 0:
        special[MEAN.name] = str(numbers.pop(MEAN))
    unit = Unit.KPA if flags & Flag.KPA else Unit.MMHG
    attributes = {
        "user_id": user_id,
        "special": special or None,
        "unknown_flags": flags & RESERVED_FLAGS or None,
    }
    # The Blood Pressure Service wants a time stamp on what comes from a memory: what has none was
    # measured just now. An A&D whose clock was never set stores readings, and sends them without.
    is_live = not flags & Flag.TIME_STAMP and not name.startswith(A_AND_D)
    return Reading(
        observations=tuple(
            Observation(metric, value, Unit.PER_MINUTE if metric is PULSE else unit)
            for metric, value in numbers.items()
        ),
        raw=(Frame(MEASUREMENT, frame),),
        device_time=device_time,
        status=tuple(name for mask, value, name in STATUS if status & mask == value),
        origin=Origin.LIVE if is_live else Origin.UNKNOWN,
        failed=not numbers.keys() & set(PRESSURES),
        attributes={key: value for key, value in attributes.items() if value is not None},
    )


def _setting(name: str) -> Setting:
    """When to set the clock: an A&D sends nothing unless that is done within 5 s of connecting."""
    if name.startswith(A_AND_D):
        return Setting.ALWAYS
    if name.casefold().startswith("blesmart_"):  # these Omrons must not be written to
        return Setting.NEVER
    return Setting.WHEN_WRONG
