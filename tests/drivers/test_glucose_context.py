import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.glucose_context import decode


@given(st.binary(max_size=20))
def test_any_bytes_are_a_context_or_a_decode_error(frame):
    try:
        context = decode(frame)
    except DecodeError:
        return
    assert context.sequence == int.from_bytes(frame[1:3], "little")
    assert all(isinstance(said, int | str) for said in context.attributes.values())


@given(st.integers(0, 0xFF), st.binary(min_size=17, max_size=17))
def test_a_frame_with_one_byte_more_or_less_is_a_decode_error(flags, fields):
    sizes = {7: 1, 0: 3, 1: 1, 2: 1, 3: 3, 4: 3, 6: 2}
    size = 3 + sum(size for bit, size in sizes.items() if flags >> bit & 1)
    frame = bytes((flags,)) + fields
    decode(frame[:size])
    for other in (frame[: size - 1], frame[:size] + b"\0"):
        with pytest.raises(DecodeError):
            decode(other)


@pytest.mark.parametrize(
    ("meal", "said"),
    [
        (1, "preprandial"),
        (2, "postprandial"),
        (3, "fasting"),
        (4, "casual"),
        (5, "bedtime"),
        (6, 6),
        (0, 0),
    ],
)
def test_a_meal_is_told_by_name_or_as_a_number(meal, said):
    context = decode(bytes((2, 7, 0, meal)))
    assert (context.attributes["meal"], context.is_ketone) == (said, meal == 6)


@pytest.mark.parametrize(
    ("byte", "said"),
    [
        (0x51, {"tester": "self", "health": "no_health_issues"}),
        (0x12, {"tester": "health_care_professional", "health": "minor_health_issues"}),
        (0x23, {"tester": "lab_test", "health": "major_health_issues"}),
        (0x3F, {"health": "during_menses"}),
        (0xF1, {"tester": "self"}),
        (0x46, {"tester": 6, "health": "under_stress"}),
        (0xFF, {}),
    ],
)
def test_tester_and_health_are_two_halves_of_a_byte(byte, said):
    assert decode(bytes((4, 7, 0, byte))).attributes == said


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("010700 01 32d0", {"carbohydrate": "breakfast", "carbohydrate_amount": "0.050 kg"}),
        ("080700 0807 3c", {"exercise_s": 1800, "exercise_percent": 60}),
        ("080700 ffff 3c", {"exercise_s": "overrun", "exercise_percent": 60}),
        (
            "100700 05 0ad0",
            {"medication": "premixed_insulin", "medication_amount": "0.010 kg"},
        ),
        (
            "300700 02 0ab0",
            {"medication": "short_acting_insulin", "medication_amount": "0.00010 L"},
        ),
        ("400700 38f0", {"hba1c": "5.6 %"}),
        ("400700 ff07", {"hba1c": "NaN %"}),
        ("800700 b3", {"unknown_context_flags": 0xB3}),
        ("000700", {}),
    ],
)
def test_an_amount_is_a_text_with_the_number_as_sent_and_its_unit(frame, said):
    assert decode(bytes.fromhex(frame)).attributes == said
