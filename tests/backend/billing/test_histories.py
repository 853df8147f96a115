import pytest

from tests.backend.billing.made import case, days, entry, event
from tests.backend.billing.naive.compare import disagree, minimise
from tests.backend.billing.naive.histories import History
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


@pytest.mark.parametrize("tens", range(30))
def test_rules_and_naive_model_agree_on_histories_by_chance(tens):
    histories = [History(seed) for seed in range(tens * 10, tens * 10 + 10)]
    differing = [one.case["id"] for one in histories if disagree(one.case, one.policy)]
    assert differing == []


def test_a_disagreement_is_made_small_and_stays_one():
    made = case([*days(20), event("2026-05-01", value="7")], management=[entry()])
    small, policy = minimise(made, {"span": "dos"}, differs=lambda one, _: len(one["events"]) > 2)
    assert (len(small["events"]), small["management"], policy) == (3, [], {})
    assert "consent" not in small["facts"]
