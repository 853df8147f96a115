import json
import random
from pathlib import Path

import pytest

from backend.billing.assess import answer_json, assess
from backend.billing.policy import parse_policy

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())["cases"]
ALTERNATIVES = [
    pytest.param(case, other, id=f"{case['id']}-{other['assumption']}")
    for case in CASES
    for other in case.get("alternatives", ())
]


def judged(case, policy=()):
    found = assess({"cases": [case]}, parse_policy(policy))
    assert found.faults == []
    return answer_json(found.answers[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_case_has_the_expected_answer(case):
    assert judged(case) == {"id": case["id"]} | case["expected"]


@pytest.mark.parametrize(("case", "other"), ALTERNATIVES)
def test_every_alternative_has_the_expected_answer_under_its_switch(case, other):
    found = judged(case, [f"{name}={value}" for name, value in other["option"].items()])
    billable = [code["code"] for code in found["billable_codes"]]
    assert (found["qualifying_days"], billable) == (
        other["qualifying_days"],
        other["billable_codes"],
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_order_of_facts_says_nothing(case):
    shuffled = json.loads(json.dumps(case))
    for seed, name in enumerate(("events", "management")):
        random.Random(seed).shuffle(shuffled[name])
    shuffled["devices"] = dict(reversed(shuffled["devices"].items()))
    assert judged(shuffled) == judged(case)


def test_no_key_of_a_case_goes_unread():
    assert assess({"cases": CASES}).unread == []
