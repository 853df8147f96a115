"""What the four bytes of a TaiDoc value say, and the bits above minute and hour of its time.

Source: advmeds-service/advmeds-bluetooth-lib@0e83080 (values, analytes);
        YentingChia-Ultron/Ultron-esp32BLE@e04dc29 (mean pressure, bits, thermometers);
        tidepool-org/uploader@05afbea lib/drivers/glucorx (meal, control solution)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from drivers.spi import Metric, Observation, Unit

PRIVATE = 1024 << 16  # the partition for what 11073-10101 does not name
MEALS = {1: "before_meal", 2: "after_meal"}
CONTROL = 3
ANALYTES: Mapping[int, tuple[Metric | int, str, Unit | str, int]] = {  # metric, name, unit, places
    0: (Metric.MDC_CONC_GLU_GEN, "", Unit.MG_PER_DL, 0),
    6: (Metric.MDC_CONC_HCT_GEN, "", Unit.PERCENT, 0),
    7: (PRIVATE + 7, "ketone", "mmol/L/30", 0),  # thirtieths: as sent
    8: (PRIVATE + 8, "uric_acid", Unit.MG_PER_DL, 1),
    9: (PRIVATE + 9, "cholesterol", Unit.MG_PER_DL, 0),
    11: (PRIVATE + 11, "haemoglobin", "g/dL", 1),
    12: (PRIVATE + 12, "lactate", Unit.MG_PER_DL, 0),
    13: (PRIVATE + 13, "triglycerides", Unit.MG_PER_DL, 0),
}
SITES = ("ear", "forehead", "rectal", "armpit", "object", "room", "child", "reserved")
NO_PATIENT = {"object", "room"}
RHYTHMS = {1: "pulse_out_of_range", 2: "pulse_varied", 3: "atrial_fibrillation"}
MM, RATE = Unit.MMHG, Unit.PER_MINUTE


class Said(NamedTuple):
    """A reading's part that depends on the meter; with `event` it is no reading."""

    observations: tuple[Observation, ...] = ()
    status: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}  # noqa: RUF012  never changed
    event: str = ""


def read_pressure(time: bytes, value: bytes) -> Said:
    """Sources disagree on the third byte: mean pressure, or what systolic has above 255."""
    systolic, third, diastolic, pulse = value[2:6]
    systolic, mean = (systolic + 256, 0) if third == 1 else (systolic, third)
    numbers = {
        Metric.MDC_PRESS_BLD_NONINV_SYS: (systolic, MM),
        Metric.MDC_PRESS_BLD_NONINV_DIA: (diastolic, MM),
        Metric.MDC_PRESS_BLD_NONINV_MEAN: (mean, MM),
        Metric.MDC_PULS_RATE_NON_INV: (pulse, RATE),
    }
    rhythm = RHYTHMS.get(time[5] >> 5 & 3)
    status = (
        *(["irregular_pulse"] if time[4] & 0x40 else []),
        *([rhythm] if rhythm else []),
        *(["average"] if time[5] & 0x80 else []),
    )
    return Said(_observe(numbers) if systolic and diastolic else (), status)


def read_analyte(_time: bytes, value: bytes) -> Said:
    """Glucose, or what else a strip measures; a test of the meter itself is no reading."""
    sent, flags = int.from_bytes(value[2:4], "little"), value[5]
    meal, analyte = flags >> 6, flags >> 2 & 0x0F
    metric, name, unit, places = ANALYTES.get(analyte, (PRIVATE + analyte, "", Unit.ONE, 0))
    number = Decimal(sent).scaleb(-places)
    attributes: dict[str, Any] = {"analyte": name} if name else {}
    if meal == CONTROL:
        return Said(attributes={**attributes, "value": str(number)}, event="control-solution")
    status = (MEALS[meal],) if meal else ()
    return Said((Observation(metric, number, unit),) if sent else (), status, attributes)


def read_oximetry(_time: bytes, value: bytes) -> Said:
    """Oxygen and pulse, each if it is above 0."""
    numbers = {
        Metric.MDC_PULS_OXIM_SAT_O2: (int.from_bytes(value[2:4], "little"), Unit.PERCENT),
        Metric.MDC_PULS_OXIM_PULS_RATE: (value[5], RATE),
    }
    return Said(_observe(numbers))


def read_temperature(time: bytes, value: bytes) -> Said:
    """Tenths of a degree; hundredths where a number would else be 100 degrees and more.

    Beside it stands the temperature around. The site is in the bits above minute and hour.
    """
    site = SITES[(time[5] >> 5 & 1) << 2 | time[4] >> 6]
    unit = Unit.FAHRENHEIT if time[5] & 0x80 else Unit.CELSIUS
    sent, around = int.from_bytes(value[2:4], "little"), int.from_bytes(value[4:6], "little")
    is_fine = unit is Unit.CELSIUS and sent >= 1000  # noqa: PLR2004  as advmeds has it
    number = Decimal(sent).scaleb(-2 if is_fine else -1)
    attributes = {"site": site}
    if around:
        attributes["around"] = str(Decimal(around).scaleb(-1))
    if site in NO_PATIENT:
        return Said(attributes={**attributes, "value": f"{number} {unit}"}, event="no-patient")
    seen = (Observation(Metric.MDC_TEMP_BODY, number, unit),)
    return Said(seen if sent else (), (), attributes)


def _observe(numbers: Mapping[Metric, tuple[int, Unit]]) -> tuple[Observation, ...]:
    return tuple(
        Observation(metric, Decimal(value), unit)
        for metric, (value, unit) in numbers.items()
        if value
    )


READERS: Mapping[str, Callable[[bytes, bytes], Said]] = {
    "1": read_temperature,
    "3": read_pressure,
    "4": read_analyte,
    "8": read_oximetry,
}
