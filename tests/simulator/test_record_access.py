import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.record_access import Answer, Op, answer

HELD = (3, 4, 7, 65_535)


@pytest.mark.parametrize(
    ("request_", "report", "response"),
    [
        ("0101", HELD, "06000101"),
        ("0105", HELD[:1], "06000101"),
        ("0106", HELD[-1:], "06000101"),
        ("0103010400", HELD[1:], "06000101"),
        ("0102010400", HELD[:2], "06000101"),
        ("01040104000700", HELD[1:3], "06000101"),
        ("01040105000600", (), "06000106"),
        ("0401", (), "05000400"),
        ("0403010800", (), "05000100"),
        ("0300", (), "06000301"),
        ("0301", (), "06000303"),
        ("0100", (), "06000103"),
        ("0107", (), "06000104"),
        ("010101", (), "06000105"),
        ("0103", (), "06000105"),
        ("01030104", (), "06000105"),
        ("01040107000400", (), "06000105"),
        ("0103020400", (), "06000109"),
        ("0901", (), "06000902"),
    ],
)
def test_a_request_is_answered_as_the_service_says(request_, report, response):
    done = answer(bytes.fromhex(request_), HELD)
    assert (tuple(done.report), done.response.hex()) == (report, response)


def test_what_is_deleted_is_named():
    assert answer(b"\x02\x05", HELD) == Answer(b"\x06\x00\x02\x01", delete=HELD[:1])


@given(st.binary(min_size=2), st.lists(st.integers(0, 0xFFFF), unique=True).map(sorted))
def test_whatever_is_asked_has_one_answer_and_names_only_what_is_held(request, numbers):
    done = answer(request, numbers)
    assert done.response[0] in {Op.COUNTED, Op.RESPONSE}
    assert {*done.report, *done.delete} <= set(numbers)
