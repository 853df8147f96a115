"""What in a reading cannot be so: flags beside it, by which nothing is dropped, changed or counted.

A limit is no norm. It lies beyond what was ever measured in a person, or what the device's own
kind can show; a reading outside it is kept, and whoever looks at it is told.

Source: the limits are this project's own
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from drivers.metrics import Metric


class Limits(NamedTuple):
    """Flag of a value below `low` or above `high`."""

    low: Decimal
    high: Decimal
    flag: str


def _span(low: str, high: str, flag: str) -> Limits:
    return Limits(Decimal(low), Decimal(high), flag)


GLUCOSE = frozenset(metric for metric in Metric if metric.name.startswith("MDC_CONC_GLU_"))
WEIGHT = Metric.MDC_MASS_BODY_ACTUAL
SYSTOLIC = Metric.MDC_PRESS_BLD_NONINV_SYS
DIASTOLIC = Metric.MDC_PRESS_BLD_NONINV_DIA
PRESSURES = (SYSTOLIC, DIASTOLIC, Metric.MDC_PRESS_BLD_NONINV_MEAN)
PULSES = (Metric.MDC_PULS_RATE_NON_INV, Metric.MDC_PULS_OXIM_PULS_RATE)

LIMITS: Mapping[int, Mapping[str, Limits]] = {
    **{
        metric: {
            "mg/dL": _span("1", "2000", "glucose-impossible"),
            "mmol/L": _span("0.05", "111", "glucose-impossible"),
            "mol/L": _span("0.00005", "0.111", "glucose-impossible"),
            "kg/L": _span("0.00001", "0.02", "glucose-impossible"),
        }
        for metric in GLUCOSE
    },
    **{
        metric: {
            "mm[Hg]": _span("1", "400", "pressure-impossible"),
            "kPa": _span("0.1", "53.4", "pressure-impossible"),
        }
        for metric in PRESSURES
    },
    **{metric: {"/min": _span("1", "400", "pulse-impossible")} for metric in PULSES},
    Metric.MDC_PULS_OXIM_SAT_O2: {"%": _span("0", "100", "saturation-impossible")},
    Metric.MDC_TEMP_BODY: {
        "Cel": _span("10", "48", "temperature-impossible"),
        "[degF]": _span("50", "118.4", "temperature-impossible"),
    },
    WEIGHT: {
        "kg": _span("0.2", "700", "weight-impossible"),
        "[lb_av]": _span("0.4", "1544", "weight-impossible"),
    },
}

EAST = timedelta(hours=14)  # the local time that is furthest ahead of UTC
LATE = timedelta(days=1)


def find_implausible(
    observations: Iterable[tuple[int, Decimal, str]],
    device_time: datetime | None = None,
    received: datetime | None = None,
) -> tuple[str, ...]:
    """Flags of (metric, value, UCUM unit), of the device's own time and the UTC of receipt.

    Both times are naive. A device's clock is ahead where no zone on earth explains it.
    """
    return tuple(dict.fromkeys(_find(list(observations), device_time, received)))


def _find(
    observations: list[tuple[int, Decimal, str]],
    device_time: datetime | None,
    received: datetime | None,
) -> Iterator[str]:
    pressures: dict[tuple[int, str], Decimal] = {}
    for metric, value, unit in observations:
        limits = LIMITS.get(metric, {}).get(unit)
        if limits and not limits.low <= value <= limits.high:
            yield limits.flag
        pressures[metric, unit] = value
    for (metric, unit), systolic in pressures.items():
        diastolic = pressures.get((DIASTOLIC, unit))
        if metric == SYSTOLIC and diastolic is not None and systolic < diastolic:
            yield "systolic-below-diastolic"
    if device_time and received and device_time - received > LATE + EAST:
        yield "device-time-in-future"
