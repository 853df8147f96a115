"""The reading that every figure is about: a cuff's, with its raw frame and four observations."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal

from uplink.records import ObservationFact, ReadingRecord, Stamp

IDENTITY = ("A&D Medical", "UA-651BLE", "5181100123")  # maker, model, serial
FIRST = datetime(2026, 3, 1, 7, 0)  # noqa: DTZ001  the device states no zone
FIRST_MS = 1_772_366_400_000
EVERY = timedelta(minutes=1)
METRICS = (  # MDC codes of ISO/IEEE 11073-10101
    (150021, "MDC_PRESS_BLD_NONINV_SYS", "mm[Hg]"),
    (150022, "MDC_PRESS_BLD_NONINV_DIA", "mm[Hg]"),
    (150023, "MDC_PRESS_BLD_NONINV_MEAN", "mm[Hg]"),
    (149546, "MDC_PULS_RATE_NON_INV", "/min"),
)


def values(number: int) -> tuple[int, ...]:
    """Systolic, diastolic, mean and pulse of the reading with this number."""
    return 110 + number % 40, 70 + number % 20, 85 + number % 20, 60 + number % 30


def device_time(number: int) -> datetime:
    """A minute after the one before."""
    return FIRST + number * EVERY


def frame(number: int) -> bytes:
    """The 0x2A35 indication: 18 bytes with time, pulse and status."""
    systolic, diastolic, mean, pulse = values(number)
    at = device_time(number)
    pressures = b"".join(value.to_bytes(2, "little") for value in (systolic, diastolic, mean))
    stamp = at.year.to_bytes(2, "little") + bytes((at.month, at.day, at.hour, at.minute, at.second))
    return b"\x16" + pressures + stamp + pulse.to_bytes(2, "little") + b"\0\0"


def record(number: int, device: int) -> ReadingRecord:
    """The reading as the hub records it."""
    return ReadingRecord(
        Stamp(number * 60_000, FIRST_MS + number * 60_000, 5),
        device,
        raw=(("2A35", frame(number)),),
        observations=tuple(
            ObservationFact(code, Decimal(value), unit)
            for (code, _, unit), value in zip(METRICS, values(number), strict=True)
        ),
        device_time=device_time(number),
        origin=1,
        link=2,
    )


def as_json(number: int, hub: str) -> bytes:
    """The same content as one JSON message."""
    message = {
        "hub": hub,
        "sequence": number,
        "device": dict(zip(("maker", "model", "serial"), IDENTITY, strict=True)),
        "received": (FIRST + number * EVERY).isoformat() + "Z",
        "clock_quality": 5,
        "device_time": device_time(number).isoformat(),
        "origin": "live",
        "link": "bonded",
        "observations": [
            [name, value, unit]
            for (_, name, unit), value in zip(METRICS, values(number), strict=True)
        ],
        "raw": {"2A35": frame(number).hex()},
    }
    return json.dumps(message, separators=(",", ":")).encode()
