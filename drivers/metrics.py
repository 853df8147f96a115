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
    MDC_PULS_OXIM_PERF_REL = 150448
    MDC_PULS_OXIM_PLETH = 150452
    MDC_PULS_OXIM_SAT_O2 = 150456
    MDC_CONC_GLU_GEN = 160020
    MDC_CONC_HCT_GEN = 160132
    MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD = 160184
    MDC_CONC_GLU_CAPILLARY_PLASMA = 160188
    MDC_CONC_GLU_VENOUS_WHOLEBLOOD = 160192
    MDC_CONC_GLU_VENOUS_PLASMA = 160196
    MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD = 160200
    MDC_CONC_GLU_ARTERIAL_PLASMA = 160204
    MDC_CONC_GLU_ISF = 160212
    MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD = 160364
    MDC_CONC_GLU_UNDETERMINED_PLASMA = 160368
    MDC_MASS_BODY_ACTUAL = 188736
    MDC_LEN_BODY_ACTUAL = 188740
    MDC_BODY_FAT = 188748
    MDC_RATIO_MASS_BODY_LEN_SQ = 188752
    MDC_MASS_BODY_FAT_FREE = 188756
    MDC_MASS_BODY_SOFT_LEAN = 188760
    MDC_BODY_WATER = 188764
    MDC_BASAL_METABOLISM = 188768
    MDC_BODY_MUSCLE = 188772
    MDC_MASS_BODY_MUSCLE = 188776
    MDC_BODY_ELECTRICAL_IMPEDANCE = 188780
    MDC_AI_MED_DISPENSED_FIXED = 8532992
    MDC_AI_MED_DISPENSED_VARIABLE = 8532993
    MDC_AI_MED_STATUS = 8532994
    MDC_AI_MED_FEEDBACK = 8532995
    MDC_AI_MED_UF_LOCATION = 8532996
    MDC_AI_MED_UF_RESPONSE = 8532997
    MDC_AI_MED_UF_TYPE_YESNO = 8532998
    MDC_AI_MED_UF_TYPE_1_5 = 8532999
    MDC_AI_MED_UF_TYPE_1_100 = 8533000
    MDC_AI_MED_DISPENSED_TAKEN = 8533001


class Unit(StrEnum):
    """The unit as the device sent it, in UCUM."""

    MMHG = "mm[Hg]"
    KPA = "kPa"
    PER_MINUTE = "/min"
    PERCENT = "%"
    CELSIUS = "Cel"
    MG_PER_DL = "mg/dL"
    KG_PER_LITRE = "kg/L"
    MOL_PER_LITRE = "mol/L"
    FAHRENHEIT = "[degF]"
    KILOGRAM = "kg"
    POUND = "[lb_av]"
    METRE = "m"
    INCH = "[in_i]"
    KG_PER_M2 = "kg/m2"
    KILOJOULE = "kJ"
    OHM = "Ohm"
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
