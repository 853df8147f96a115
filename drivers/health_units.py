"""Units by their MDC code, in UCUM.

Source: ISO/IEEE 11073-10101, partition 4 (dimensions)
"""

from __future__ import annotations

from drivers.metrics import Unit

_PARTITION = 4 << 16

UNITS: dict[int, str] = {
    512: Unit.ONE,
    544: Unit.PERCENT,
    736: "deg",
    1280: Unit.METRE,
    1297: "cm",
    1344: "[ft_i]",
    1376: Unit.INCH,
    1600: "L",
    1618: "mL",
    1728: "g",
    1731: Unit.KILOGRAM,
    1746: "mg",
    1760: Unit.POUND,
    1952: Unit.KG_PER_M2,
    2130: "mg/dL",
    2176: "s",
    2194: "ms",
    2195: "us",
    2208: "min",
    2240: "h",
    2272: "d",
    2368: "a",
    2720: Unit.PER_MINUTE,
    2784: Unit.PER_MINUTE,
    2816: "m/s",
    3072: "L/min",
    3842: "hPa",
    3843: Unit.KPA,
    3872: Unit.MMHG,
    3968: "J",
    3971: Unit.KILOJOULE,
    4032: "W",
    4256: "V",
    4274: "mV",
    4288: Unit.OHM,
    4384: "K",
    4416: Unit.FAHRENHEIT,
    4722: "mmol/L",
    4723: "umol/L",
    5472: "[iU]",
    6048: Unit.CELSIUS,
    6432: "dB",
}

MDC_CODE = "{MDC}"
"""Of a value that is a code of the nomenclature: no quantity."""


def unit_of(code: int) -> str:
    """In UCUM; `MDC_<context-free code>` where it is not listed."""
    return UNITS.get(code, f"MDC_{_PARTITION + code}")
