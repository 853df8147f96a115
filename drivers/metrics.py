"""What can be observed, and in which units, by the standards' names.

Source: ISO/IEEE 11073-10101 for the codes, context-free: 65536 times the partition, plus the code
        within it; UCUM for units
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Metric(IntEnum):
    """What was observed: `MDC_*` reference id and context-free code (ISO/IEEE 11073-10101)."""

    MDC_PULS_OXIM_PULS_RATE = 149530
    MDC_PULS_RATE_NON_INV = 149546
    MDC_PRESS_BLD_NONINV_SYS = 150021
    MDC_PRESS_BLD_NONINV_DIA = 150022
    MDC_PRESS_BLD_NONINV_MEAN = 150023
    MDC_TEMP_BODY = 150364
    MDC_PULS_OXIM_PLETH = 150452
    MDC_PULS_OXIM_SAT_O2 = 150456
    MDC_CONC_GLU_GEN = 160020
    MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD = 160184
    MDC_CONC_GLU_CAPILLARY_PLASMA = 160188
    MDC_CONC_GLU_VENOUS_WHOLEBLOOD = 160192
    MDC_CONC_GLU_VENOUS_PLASMA = 160196
    MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD = 160200
    MDC_CONC_GLU_ARTERIAL_PLASMA = 160204
    MDC_CONC_GLU_ISF = 160212
    MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD = 160364
    MDC_CONC_GLU_UNDETERMINED_PLASMA = 160368


class Unit(StrEnum):
    """The unit as the device sent it, in UCUM."""

    MMHG = "mm[Hg]"
    KPA = "kPa"
    PER_MINUTE = "/min"
    PERCENT = "%"
    CELSIUS = "Cel"
    KG_PER_LITRE = "kg/L"
    MOL_PER_LITRE = "mol/L"
    ONE = "1"


def metric_of(code: int) -> Metric | int:
    """The metric with this context-free code; the code itself where no standard name is listed."""
    try:
        return Metric(code)
    except ValueError:
        return code


def name_of(metric: int) -> str:
    """The reference id of a metric, or `MDC_<code>` of one that is not listed."""
    found = metric_of(metric)
    return found.name if isinstance(found, Metric) else f"MDC_{found}"
