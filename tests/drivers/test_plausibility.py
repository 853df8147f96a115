from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.metrics import Metric
from drivers.plausibility import GLUCOSE, WEIGHT, find_implausible

SYS, DIA = Metric.MDC_PRESS_BLD_NONINV_SYS, Metric.MDC_PRESS_BLD_NONINV_DIA
SPO2, TEMPERATURE = Metric.MDC_PULS_OXIM_SAT_O2, Metric.MDC_TEMP_BODY
CAPILLARY = 160184
NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  a device states no zone


def seen(*observations):
    return find_implausible((m, Decimal(value), unit) for m, value, unit in observations)


@pytest.mark.parametrize(
    ("observation", "flag"),
    [
        ((CAPILLARY, "-5", "mg/dL"), "glucose-impossible"),
        ((CAPILLARY, "0", "mmol/L"), "glucose-impossible"),
        ((CAPILLARY, "-0.001", "kg/L"), "glucose-impossible"),
        ((CAPILLARY, "2.5", "mol/L"), "glucose-impossible"),
        ((SPO2, "101", "%"), "saturation-impossible"),
        ((SYS, "900", "mm[Hg]"), "pressure-impossible"),
        ((DIA, "-1", "kPa"), "pressure-impossible"),
        ((TEMPERATURE, "3.66", "Cel"), "temperature-impossible"),
        ((TEMPERATURE, "150", "[degF]"), "temperature-impossible"),
        ((WEIGHT, "7000", "kg"), "weight-impossible"),
        ((Metric.MDC_PULS_RATE_NON_INV, "0", "/min"), "pulse-impossible"),
    ],
)
def test_what_cannot_be_is_flagged(observation, flag):
    assert seen(observation) == (flag,)


def test_what_may_be_bears_no_flag():
    assert seen((SYS, "120", "mm[Hg]"), (DIA, "80", "mm[Hg]"), (SPO2, "100", "%")) == ()
    assert seen((CAPILLARY, "20", "mg/dL"), (TEMPERATURE, "41.5", "Cel"), (WEIGHT, "3", "kg")) == ()


def test_a_systolic_below_the_diastolic_is_flagged_in_the_same_unit_only():
    assert seen((SYS, "80", "mm[Hg]"), (DIA, "120", "mm[Hg]")) == ("systolic-below-diastolic",)
    assert seen((DIA, "120", "mm[Hg]"), (SYS, "80", "mm[Hg]")) == ("systolic-below-diastolic",)
    assert seen((SYS, "16", "kPa"), (DIA, "80", "mm[Hg]")) == ()


def test_a_device_that_lives_in_the_year_2037_is_flagged():
    assert find_implausible((), NOON.replace(year=2037), NOON) == ("device-time-in-future",)
    assert find_implausible((), NOON + timedelta(hours=38), NOON) == ()
    assert find_implausible((), NOON.replace(year=1970), NOON) == ()
    assert find_implausible((), NOON.replace(year=2037), None) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*Metric, *GLUCOSE, WEIGHT, 0]),
            st.decimals(allow_nan=False, allow_infinity=False),
            st.sampled_from(["mm[Hg]", "kPa", "%", "mg/dL", "kg", "Cel", "?"]),
        )
    ),
    st.none() | st.datetimes(),
    st.none() | st.datetimes(),
)
def test_any_numbers_and_times_give_flags_each_once(observations, device_time, received):
    flags = find_implausible(observations, device_time, received)
    assert len(flags) == len(set(flags))
