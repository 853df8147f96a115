"""The ten bytes of Nonin's own oximetry characteristic.

Source: as drivers/nonin_ble.py
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntFlag
from typing import Any

from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import Frame, Metric, Observation, Origin, Reading, Unit

OXIMETRY = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
SIZE = 10  # at least: the first byte says how many there are
NO_SPO2 = 127
NO_PULSE = 511
ON, SMART = "sensor_on", "smartpoint"
TOLD = ("weak_signal", SMART, "searching", "low_battery")
SPO2, PULSE = Metric.MDC_PULS_OXIM_SAT_O2, Metric.MDC_PULS_OXIM_PULS_RATE
UNITS = {
    SPO2: Unit.PERCENT,
    PULSE: Unit.PER_MINUTE,
    Metric.MDC_PULS_OXIM_PERF_REL: Unit.PERCENT,
}


class Status(IntFlag):
    """The second byte."""

    WEAK_SIGNAL = 0x02
    SMARTPOINT = 0x04
    SEARCHING = 0x08
    SENSOR_ON = 0x10
    LOW_BATTERY = 0x20


def decode(frame: bytes) -> Reading:
    """What one frame says, whether or not the sensor is on a finger. Raises DecodeError.

    What is missing stands in `attributes["special"]`. Without any value the reading has failed.
    """
    reader = Reader(frame)
    size = reader.uint(1)
    if size < SIZE or size != len(frame):
        raise DecodeError(f"length {size} of {len(frame)}", frame, min(size, len(frame)))
    status, volts = Status(reader.uint(1)), Decimal(reader.uint(1)).scaleb(-1)
    amplitude = Decimal(reader.uint(2, "big")).scaleb(-2)
    counter, spo2, pulse = reader.uint(2, "big"), reader.uint(1), reader.uint(2, "big")
    sent = dict(zip(UNITS, (Decimal(spo2), Decimal(pulse), amplitude), strict=True))
    none = dict(zip(UNITS, (spo2 == NO_SPO2, pulse == NO_PULSE, not amplitude), strict=True))
    attributes: dict[str, Any] = {"counter": counter, "battery_volts": str(volts)}
    if any(none.values()):
        attributes["special"] = {metric.name: "missing" for metric in UNITS if none[metric]}
    return Reading(
        tuple(Observation(m, sent[m], unit) for m, unit in UNITS.items() if not none[m]),
        (Frame(OXIMETRY, frame),),
        status=tuple(str(flag.name).lower() for flag in Status if flag in status),
        origin=Origin.LIVE,
        failed=none[SPO2] and none[PULSE],
        attributes=attributes,
    )
