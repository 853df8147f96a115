"""Weight Measurement (0x2A9D): weight, body mass index and height, in the unit of the scale.

Source: GATT Specification Supplement; Weight Scale Service 1.0
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntFlag

from drivers.quirks import origin_of
from drivers.reader import Reader
from drivers.spi import Frame, Metric, Observation, Reading, Unit

MEASUREMENT = "2A9D"
WEIGHT = Metric.MDC_MASS_BODY_ACTUAL
BMI = Metric.MDC_RATIO_MASS_BODY_LEN_SQ
HEIGHT = Metric.MDC_LEN_BODY_ACTUAL
METRICS = (WEIGHT, BMI, HEIGHT)
UNSUCCESSFUL = 0xFFFF
RESERVED_FLAGS = 0xF0

MASS = {False: (Unit.KILOGRAM, Decimal("0.005")), True: (Unit.POUND, Decimal("0.01"))}
"""Unit and resolution of a mass, and of a length, in SI and imperial units."""

LENGTH = {False: (Unit.METRE, Decimal("0.001")), True: (Unit.INCH, Decimal("0.1"))}


class Flag(IntFlag):
    """What a 0x2A9D value holds."""

    IMPERIAL = 1
    TIME_STAMP = 2
    USER_ID = 4
    BMI_AND_HEIGHT = 8


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A9D indication of a device that advertises `name`.

    Every value is the integer sent times its resolution. A weight of 0xFFFF stands for a
    measurement that was not successful, user 255 for nobody the scale knows. Reserved flags stand
    in `attributes["unknown_flags"]`.
    """
    reader = Reader(frame)
    flags = reader.uint(1)
    is_imperial = bool(flags & Flag.IMPERIAL)
    weight = reader.uint(2)
    device_time = reader.date_time() if flags & Flag.TIME_STAMP else None
    user_id = reader.uint(1) if flags & Flag.USER_ID else None
    seen = [] if weight == UNSUCCESSFUL else [observe(WEIGHT, weight, *MASS[is_imperial])]
    if flags & Flag.BMI_AND_HEIGHT:
        seen.append(observe(BMI, reader.uint(2), Unit.KG_PER_M2, Decimal("0.1")))
        seen.append(observe(HEIGHT, reader.uint(2), *LENGTH[is_imperial]))
    reader.end()
    attributes = {"user_id": user_id, "unknown_flags": flags & RESERVED_FLAGS or None}
    return Reading(
        observations=tuple(seen),
        raw=(Frame(MEASUREMENT, frame),),
        device_time=device_time,
        origin=origin_of(name, has_time=bool(flags & Flag.TIME_STAMP)),
        failed=weight == UNSUCCESSFUL,
        attributes={key: value for key, value in attributes.items() if value is not None},
    )


def observe(metric: Metric, sent: int, unit: Unit, resolution: Decimal) -> Observation:
    """The metric as sent, in steps of `resolution`."""
    return Observation(metric, sent * resolution, unit)
