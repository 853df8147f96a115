from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.glucose_measurement import METRICS, decode
from drivers.spi import DeviceEvent, Frame, Metric, Observation, Origin, Reading, Unit

KG = bytes.fromhex("020800e9070b1608010064b021")  # GLS; built by hand
CONTEXT = bytes.fromhex("02080001")
MORNING = datetime.fromisoformat("2025-11-22T08:01")


def with_sample(byte):
    return KG[:-1] + bytes((byte,))


@given(st.binary(max_size=20), st.none() | st.binary(max_size=18))
def test_any_bytes_are_a_record_or_a_decode_error(frame, context):
    try:
        told = decode(frame, context=context)
    except DecodeError:
        return
    raw = (Frame("2A18", frame),) + ((Frame("2A34", context),) if context is not None else ())
    assert told.raw == raw
    if isinstance(told, Reading):
        assert all(seen.value.is_finite() for seen in told.observations)
        assert told.failed <= (not told.observations)


@given(st.integers(0, 0xFF), st.binary(min_size=17, max_size=17))
def test_a_frame_with_one_byte_more_or_less_is_a_decode_error(flags, fields):
    frame = bytes((flags,)) + fields[:2] + KG[3:10] + fields[9:]
    size = 10 + 2 * (flags & 1) + 3 * (flags >> 1 & 1) + 2 * (flags >> 3 & 1)
    told = decode(frame[:size])
    if isinstance(told, Reading):
        assert told.record_number == int.from_bytes(fields[:2], "little")
        assert told.attributes.get("unknown_flags", 0) == flags & 0xE0
    for other in (frame[: size - 1], frame[:size] + b"\0"):
        with pytest.raises(DecodeError):
            decode(other)


def test_a_concentration_is_as_sent_in_the_unit_that_the_flag_names():
    [mass] = decode(KG).observations
    [moles] = decode(b"\x06" + KG[1:]).observations
    assert mass == Observation(
        Metric.MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD, Decimal("0.00100"), Unit.KG_PER_LITRE
    )
    assert str(mass.value) == "0.00100"
    assert (moles.value, moles.unit) == (mass.value, "mol/L")


@pytest.mark.parametrize(
    ("sample", "metric", "code"),
    [
        (1, "MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD", 29112),
        (2, "MDC_CONC_GLU_CAPILLARY_PLASMA", 29116),
        (3, "MDC_CONC_GLU_VENOUS_WHOLEBLOOD", 29120),
        (4, "MDC_CONC_GLU_VENOUS_PLASMA", 29124),
        (5, "MDC_CONC_GLU_ARTERIAL_WHOLEBLOOD", 29128),
        (6, "MDC_CONC_GLU_ARTERIAL_PLASMA", 29132),
        (7, "MDC_CONC_GLU_UNDETERMINED_WHOLEBLOOD", 29292),
        (8, "MDC_CONC_GLU_UNDETERMINED_PLASMA", 29296),
        (9, "MDC_CONC_GLU_ISF", 29140),
    ],
)
def test_each_type_of_sample_is_a_metric_of_its_own(sample, metric, code):
    told = decode(with_sample(0xF0 | sample))
    assert (told.observations[0].metric.name, told.observations[0].metric) == (
        metric,
        2 * 65536 + code,
    )
    assert told.attributes == {}
    assert len(METRICS) == 9


@pytest.mark.parametrize("sample", [0, 11, 12, 13, 14, 15])
def test_a_type_of_sample_without_a_name_stays_a_number(sample):
    told = decode(with_sample(0x10 | sample))
    assert told.observations[0].metric is Metric.MDC_CONC_GLU_GEN
    assert told.attributes["sample_type"] == sample


@pytest.mark.parametrize(
    ("location", "said"),
    [(1, "finger"), (2, "alternate_site"), (3, "earlobe"), (0, 0), (5, 5), (14, 14), (15, None)],
)
def test_a_location_is_told_by_name_or_number_unless_the_meter_has_none(location, said):
    assert decode(with_sample(location << 4 | 1)).attributes.get("sample_location") == said


@pytest.mark.parametrize("byte", [0x4A, 0x1A, 0xFA, 0x41, 0x40])
def test_a_control_solution_is_an_event_by_its_type_or_by_its_location(byte):
    told = decode(with_sample(byte))
    assert isinstance(told, DeviceEvent)
    assert (told.name, told.device_time) == ("control-solution", MORNING)
    assert (told.facts["record_number"], told.facts["value"]) == (8, "0.00100 kg/L")


def test_a_ketone_test_is_an_event_by_the_meal_of_its_context():
    told = decode(KG, context=bytes.fromhex("02080006"))
    assert isinstance(told, DeviceEvent)
    assert (told.name, told.facts["meal"], len(told.raw)) == ("ketone-test", 6, 2)


@pytest.mark.parametrize(
    ("value", "special", "failed"),
    [
        ("fe07", "+INF", False),
        ("0208", "-INF", False),
        ("ff07", "NaN", True),
        ("0008", "NRes", True),
        ("0108", "RFU", True),
    ],
)
def test_beyond_what_a_meter_can_tell_is_measured_and_any_other_special_has_failed(
    value, special, failed
):
    told = decode(KG[:10] + bytes.fromhex(value) + b"\x11")
    assert (told.observations, told.failed) == ((), failed)
    assert told.attributes["special"] == {"MDC_CONC_GLU_CAPILLARY_WHOLEBLOOD": special}


def test_a_record_without_a_concentration_is_a_measurement_that_failed():
    assert decode(b"\0" + KG[1:10]).failed


@pytest.mark.parametrize(
    ("bit", "name"),
    list(
        enumerate(
            [
                "device_battery_low",
                "sensor_malfunction",
                "sample_insufficient",
                "strip_insertion_error",
                "strip_type_incorrect",
                "result_too_high",
                "result_too_low",
                "temperature_too_high",
                "temperature_too_low",
                "strip_pulled_too_soon",
                "device_fault",
                "time_fault",
                "status_bit_12",
                "status_bit_13",
                "status_bit_14",
                "status_bit_15",
            ]
        )
    ),
)
def test_each_bit_of_the_status_has_a_name(bit, name):
    told = decode(b"\x0a" + KG[1:] + (1 << bit).to_bytes(2, "little"))
    assert told.status == (name,)
    assert (told.device_time is None) == (name == "time_fault")


@given(st.integers(-0x7FFF, 0x7FFE))
def test_the_device_time_is_the_base_time_plus_the_offset(minutes):
    told = decode(b"\x03" + KG[1:10] + minutes.to_bytes(2, "little", signed=True) + KG[10:])
    assert (told.device_time - MORNING).total_seconds() == 60 * minutes


@pytest.mark.parametrize(("offset", "said"), [("ff7f", "overrun"), ("0080", "underrun")])
def test_an_offset_that_ran_over_leaves_a_time_in_doubt_and_no_device_time(offset, said):
    told = decode(b"\x03" + KG[1:10] + bytes.fromhex(offset) + KG[10:])
    assert (told.device_time, told.record_number) == (None, 8)
    assert told.attributes["time_offset"] == said
    assert told.attributes["doubted_time"] == "2025-11-22T08:01:00"


def test_a_time_that_was_never_set_is_none_and_no_doubt():
    told = decode(KG[:3] + bytes(7) + KG[10:])
    assert (told.device_time, "doubted_time" in told.attributes) == (None, False)


def test_a_record_of_a_memory_is_stored_and_numbered_and_named_by_its_measurement():
    told = decode(KG, context=CONTEXT)
    assert (told.origin, told.record_number) == (Origin.STORED, 8)
    assert [frame.source for frame in told.raw] == ["2A18", "2A34"]
    assert told.attributes["meal"] == "preprandial"


def test_a_record_shows_no_values_in_its_repr():
    assert "0.00100" not in repr(decode(KG))
    assert "0.00100" not in repr(decode(with_sample(0x4A)))
