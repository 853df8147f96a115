import pytest

from tests.backend.billing.naive.judge import judge
from tests.backend.billing.test_cases import ALTERNATIVES, CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_naive_model_gives_every_expected_answer_by_itself(case):
    assert judge(case) == {"id": case["id"]} | case["expected"]


@pytest.mark.parametrize(("case", "other"), ALTERNATIVES)
def test_the_naive_model_gives_every_alternative_answer(case, other):
    found = judge(case, other["option"])
    billable = [code["code"] for code in found["billable_codes"]]
    assert found["qualifying_days"] == other["qualifying_days"]
    assert billable == other["billable_codes"]
