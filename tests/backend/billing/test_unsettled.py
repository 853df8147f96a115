from datetime import date

import pytest

from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.policy import AMBIGUITIES, CHOICES, SETTABLE, alternatives, parse_policy
from backend.billing.verdict import judge, judge_every_way
from backend.errors import PolicyRefused
from tests.backend.billing.made import DEVICES, case, days, entry, event
from tests.backend.billing.naive.compare import by_rules

APRIL = {"evaluate": {"period": 1, "month": "2026-04"}}
OWN = {"purpose": "99091", "performer": "QHP", "staff": "md-1"}
RESP = {"program": "RTM", "rtm_category": "resp"}

# For each switch a case that another value of it would judge otherwise.
CHANGED = {
    "day": case([event("2026-04-06", 8), event("2026-04-06", 21)]),
    "anchor": case(days(16, since=date(2026, 4, 22)), as_of="2026-06-10T12:00:00-04:00"),
    "count_by": case(
        [event("2026-04-06", received_at="2026-04-08T08:00:00-04:00"), event("2026-04-08")]
    ),
    "setup_min_2026": case(days(5)),
    "span": case(
        days(5, since=date(2025, 12, 20)),
        facts={
            "order_date": "2025-12-20",
            "consent": {"date": "2025-12-20"},
            "setup": {"date": "2025-12-20"},
        },
    ),
    "billed_when": case(days(16), as_of="2026-05-01T12:00:00-04:00"),
    "before_consent": case(days(16), facts={"consent": {"date": "2026-04-10"}}),
    "management_by": case(
        days(16),
        management=[entry()],
        facts={
            "other_practitioner_claims": [
                {"npi": "1", "code": "99457", "from": "2026-04-01", "to": "2026-04-30"}
            ]
        },
        **APRIL,
    ),
    "beside_99091": case(
        days(16), management=[entry(), entry(30, "2026-04-20T10:00:00-04:00", **OWN)], **APRIL
    ),
    "adherence": case(days(16, device="box"), program="RTM", rtm_category="other"),
    "staff_time": case(days(16), management=[entry(15), entry(15, staff="rn-9")], **APRIL),
    "live_contact": case(days(16), management=[entry(modality="text")], **APRIL),
    "alert_days": case(days(16, message_type="alert_monitor_ok")),
    "hospital_days": case(days(16), facts={"stays": [{"from": "2026-04-10", "to": "2026-04-12"}]}),
    "overlap": case(days(16), facts={"other_program": {"program": "RTM"}}),
    "self_report": case(days(16, device="puff", mode="manual"), **RESP),
    "payer": case(days(16), facts={"payer": "another"}),
    "no_data": case([], management=[entry()], **APRIL),
    "month_zone": case(
        days(16),
        management=[entry(20, "2026-05-01T00:30:00-04:00")],
        facts={"practice_timezone": "America/Los_Angeles"},
        **APRIL,
    ),
    "device": case(days(16), devices={"cuff": DEVICES["cuff"] | {"fda_cleared": False}}),
    "missed_doses": case(days(16, device="box", message_type="missed"), **RESP),
}


def asked(made):
    return parse_case(Node(made, "made"))[1:]


def test_every_switch_names_its_ambiguity():
    assert AMBIGUITIES.keys() == CHOICES.keys()
    named = {name for names in AMBIGUITIES.values() for name in names}
    assert named == {f"AMB-{number}" for number in range(1, 23)}


@pytest.mark.parametrize("switch", CHANGED)
def test_a_verdict_says_what_another_reading_of_a_rule_would_give(switch):
    facts, question = asked(CHANGED[switch])
    verdict = judge_every_way(facts, question)
    flag = next(flag for flag in verdict.flags if flag.switch == switch)
    other = next(a for a in alternatives(verdict.policy) if a[:2] == (switch, flag.value))
    judged = judge(facts, question, other.policy)
    assert flag.ambiguities == AMBIGUITIES[switch]
    assert flag.qualifying_days == len(judged.days)
    assert flag.billable == tuple((code.code, code.units, code.dos) for code in judged.billable)


def test_a_verdict_says_what_mixed_therapies_would_give():
    mixed = [*days(8, device="puff"), *days(8, since=date(2026, 4, 14), device="band")]
    verdict = judge_every_way(*asked(case(mixed, **RESP)))
    flag = next(flag for flag in verdict.flags if flag.switch == "adherence")
    assert (len(verdict.days), flag.value, flag.qualifying_days) == (8, "resp", 16)


def claimed(code):
    span = {"from": "2026-04-01", "to": "2026-04-30"}
    facts = {"other_practitioner_claims": [{"npi": "1", "code": code} | span]}
    return case(days(16), management=[entry()], facts=facts, **APRIL)


@pytest.mark.parametrize(("code", "is_device_blocked"), [("99454", True), ("99457", False)])
def test_where_several_may_manage_a_claim_for_devices_blocks_devices_alone(code, is_device_blocked):
    found = by_rules(claimed(code), {"management_by": "several"})
    billable = {one["code"] for one in found["billable_codes"]}
    assert billable == {"99457"} | (set() if is_device_blocked else {"99453", "99454"})


def test_what_a_model_pays_is_told_to_be_billable_if_the_hold_is_appealed():
    made = case(days(16), facts={"access_model": {"from": "2026-05-01"}})
    assert by_rules(made)["billable_codes"] == []
    billed = by_rules(made, {"payer": "bill"})["billable_codes"]
    assert [one["code"] for one in billed] == ["99453", "99454"]


def test_two_readings_of_a_rule_that_give_the_same_are_told_once():
    late = [event("2026-04-06", 8), event("2026-04-06", 21) | {"timestamp": "2026-04-07T01:00Z"}]
    verdict = judge_every_way(*asked(case(late)))
    told = [(flag.value, flag.qualifying_days) for flag in verdict.flags if flag.switch == "day"]
    assert told == [("utc", 2)]


def test_a_verdict_that_nothing_unsettled_changes_has_no_flag():
    assert judge_every_way(*asked(case(days(30)))).flags == ()


def test_a_verdict_names_policy_and_rule_sets():
    policy = parse_policy(["day=utc", "setup_min_2026=2"])
    verdict = judge(*asked(case(days(5))), policy)
    assert verdict.policy.settings == {
        "day": "utc",
        "anchor": "first_reading",
        "count_by": "measured",
        "setup_min_2026": "2",
        "span": "hold",
    }
    assert list(verdict.rule_sets) == ["us-medicare-2026"]


@pytest.mark.parametrize(
    "words",
    [["days=home"], ["day=mars"], ["day"], [""], ["live_contact=any"], ["day=utc", "day=home"]],
)
def test_a_policy_that_does_not_exist_is_refused_with_the_list(words):
    with pytest.raises(PolicyRefused) as caught:
        parse_policy(words)
    assert caught.value.exit_code == 2
    assert all(f"{name}={'|'.join(CHOICES[name])}" in caught.value.hint for name in SETTABLE)
