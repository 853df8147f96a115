from datetime import date

import pytest

from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.reasons import Block
from backend.billing.verdict import judge
from tests.backend.billing.made import case, codes, days, entry, event, judged

APRIL = {"evaluate": {"period": 1, "month": "2026-04"}}
RTM = {"program": "RTM", "rtm_category": "msk"}
BAND = days(16, device="band")
OTHER = {"program": "RTM", "from": "2026-04-30", "to": None}
CLAIM = {"npi": "1", "code": "98981", "period_start": "2026-05-05", "period_end": "2026-06-05"}
SURGERY = {"from": "2026-05-01", "paid_to_biller": True, "related": True}

# Each blocks every code; of all from one on, the first is told.
BLOCKS = {
    "BILLER_NOT_ELIGIBLE": {"biller": {"npi": "1000000002", "type": "PT"}},
    "NO_ORDER": {"order_date": None},
    "NO_CONSENT": {"consent": None},
    "NOT_ESTABLISHED_PATIENT": {"established_patient": False},
    "RPM_RTM_UNRESOLVED": {"other_program": OTHER, "elected_program": None},
    "RPM_RTM_CONFLICT": {"other_program": OTHER, "elected_program": "RTM"},
    "OTHER_PRACTITIONER": {"other_practitioner_claims": [CLAIM]},
    "GLOBAL_PERIOD": {"global_period": SURGERY},
    "ACCESS_MODEL_EXCLUSIVE": {"access_model": {"from": "2026-05-01"}},
    "PAYER_POLICY_HOLD": {"payer": "another"},
}


@pytest.mark.parametrize("reason", BLOCKS)
def test_each_block_blocks_every_code(reason):
    made = case(days(16), facts=BLOCKS[reason], management=[entry()], **APRIL)
    assert set(codes(made).values()) == {reason}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_of_all_blocks_from_one_on_the_first_is_told(number):
    names = list(BLOCKS)[number:]
    facts = {}
    for name in reversed(names):
        facts |= BLOCKS[name]
    assert set(codes(case(days(16), facts=facts)).values()) == {names[0]}
    assert [reason for reason in Block if reason in BLOCKS] == list(BLOCKS)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"biller": None}, "BILLER_NOT_ELIGIBLE"),
        ({"biller": {"npi": "1000000001"}}, "BILLER_NOT_ELIGIBLE"),
        ({"payer": None}, "PAYER_POLICY_HOLD"),
        ({"payer": "medicare_part_b_supplement"}, "PAYER_POLICY_HOLD"),
        ({"payer": "medicare_part_b", "payer_profile": "refused"}, "PAYER_POLICY_HOLD"),
    ],
)
def test_a_biller_or_payer_that_nobody_stated_or_knows_blocks_every_code(facts, reason):
    assert set(codes(case(days(16), facts=facts)).values()) == {reason}


def test_rtm_needs_a_treatment_plan_and_no_established_patient():
    facts = {"established_patient": False, "treatment_plan": False}
    assert set(codes(case(BAND, facts=facts, **RTM)).values()) == {"NO_TREATMENT_PLAN"}
    assert "98977" in codes(case(BAND, facts=facts | {"treatment_plan": True}, **RTM))


@pytest.mark.parametrize(
    "facts",
    [
        {"other_program": OTHER, "elected_program": "RPM"},
        {"other_program": OTHER | {"from": "2026-05-06"}},
        {"other_program": OTHER | {"program": "RPM"}},
        {"other_practitioner_claims": [CLAIM | {"npi": "1000000001"}]},
        {"other_practitioner_claims": [CLAIM | {"period_start": "2026-05-06"}]},
        {"other_practitioner_claims": [CLAIM | {"code": "99490"}]},
        {"global_period": SURGERY | {"related": False}},
        {"global_period": SURGERY | {"paid_to_biller": False}},
        {"global_period": SURGERY | {"from": "2026-05-06"}},
        {"access_model": {"aligned": False}},
        {"access_model": {"same_condition": False}},
        {"access_model": {"own_organisation": False}},
        {"payer": "another", "payer_profile": "covered"},
        {"payer": "uhc_medicare_advantage", "condition": "I50.9 heart failure"},
        {"setup_billed": False, "own_claims": ["99457"]},
        {"setup_billed": "2025-12-31", "episode_start": "2026-01-01"},
    ],
)
def test_what_does_not_overlap_or_is_permitted_blocks_nothing(facts):
    found = codes(case(days(16), facts=facts))
    assert found == {"99453": 1, "99454": 1, "99445": "USE_16_30_CODE"}


def test_the_month_belongs_to_what_overlaps_are_judged_over():
    facts = {"global_period": {"from": "2026-04-01", "to": "2026-04-05"}}
    assert codes(case(days(16), facts=facts))["99454"] == 1
    assert codes(case(days(16), facts=facts, **APRIL))["99454"] == "GLOBAL_PERIOD"


SETUP = {
    "RULESET_UNVERIFIED": {},
    "CGM_95250_OVERLAP": {"glucose_claims": [{"from": "2026-05-05", "to": "2026-05-05"}]},
    "ALREADY_BILLED_EPISODE": {"own_claims": [{"code": "99453", "dos": "2026-05-05"}]},
    "NO_SETUP_EDUCATION": {"setup": {"date": "2026-04-06", "education_done": False}},
}


@pytest.mark.parametrize("number", range(len(SETUP)))
def test_of_what_blocks_setup_the_first_is_told(number):
    names = list(SETUP)[number:]
    facts = {}
    for name in reversed(names):
        facts |= SETUP[name]
    period = 10 if names[0] == "RULESET_UNVERIFIED" else 1
    made = case(days(16), facts=facts, evaluate={"period": period}, as_of="2027-05-10T12:00-04:00")
    assert codes(made)["99453"] == names[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"setup_billed": True},
        {"own_claims": ["99453"], "episode_start": "2026-01-01"},
        {"own_claims": [{"code": "99453", "dos": "2025-12-31"}]},
        {"setup_billed": "2026-01-01", "episode_start": "2026-01-01"},
    ],
)
def test_setup_is_billed_once_until_an_episode_has_ended(facts):
    assert codes(case(days(16), facts=facts))["99453"] == "ALREADY_BILLED_EPISODE"


def test_setup_belongs_to_the_first_period():
    made = case(days(46), evaluate={"period": 2}, as_of="2026-06-10T12:00:00-04:00")
    assert codes(made) == {"99453": "NOT_FIRST_PERIOD", "99445": "USE_16_30_CODE", "99454": 1}


def test_a_more_specific_glucose_code_blocks_setup_and_supply_of_its_period():
    claim = {"code": "95250", "from": "2026-04-01", "to": "2026-04-06"}
    blocked = dict.fromkeys(("99453", "99445", "99454"), "CGM_95250_OVERLAP")
    assert codes(case(days(16), facts={"own_claims": [claim]})) == blocked
    claim["to"] = "2026-04-05"
    assert codes(case(days(16), facts={"own_claims": [claim]}))["99454"] == 1


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {"98975": "DAYS_BELOW_2", "98985": "DAYS_BELOW_2", "98977": "DAYS_BELOW_16"}),
        (1, {"98975": "DAYS_BELOW_2", "98985": "DAYS_BELOW_2", "98977": "DAYS_BELOW_16"}),
        (2, {"98975": 1, "98985": 1, "98977": "DAYS_BELOW_16"}),
        (15, {"98975": 1, "98985": 1, "98977": "DAYS_BELOW_16"}),
        (16, {"98975": 1, "98985": "USE_16_30_CODE", "98977": 1}),
    ],
)
def test_short_and_long_code_divide_the_days(count, expected):
    assert codes(case(days(count, device="band"), **RTM)) == expected


def test_setup_of_rtm_is_unconfirmed_between_2_days_and_the_practice_s_minimum():
    made = case(days(15, device="band"), **RTM)
    assert codes(made, "setup_min_2026=16")["98975"] == "SETUP_MIN_UNCONFIRMED"


OLD = {
    "order_date": "2025-12-10",
    "consent": {"date": "2025-12-10"},
    "setup": {"date": "2025-12-10", "education_done": True},
}


def spanning(count, **rest):
    return case(days(count, since=date(2025, 12, 10), device="band"), facts=OLD, **RTM | rest)


def test_a_period_over_a_change_of_rules_is_held_where_the_years_disagree():
    held = {"98975": "SPANS_RULE_CHANGE", "98985": "SPANS_RULE_CHANGE", "98977": "DAYS_BELOW_16"}
    assert codes(spanning(15)) == held
    assert codes(spanning(15), "span=dos") == {"98975": 1, "98985": 1, "98977": "DAYS_BELOW_16"}
    assert codes(spanning(16)) == {"98975": 1, "98985": "USE_16_30_CODE", "98977": 1}
    assert codes(spanning(1))["98985"] == "DAYS_BELOW_2"


@pytest.mark.parametrize(("as_of", "least"), [("2025-12-31", 16), ("2026-01-01", 2)])
def test_with_no_period_the_day_of_asking_chooses_the_rules(as_of, least):
    found = codes(spanning(0, as_of=f"{as_of}T12:00:00-05:00"))
    assert found["98975"] == f"DAYS_BELOW_{least}"
    assert found["98985"] == ("CODE_NOT_EFFECTIVE" if least == 16 else "DAYS_BELOW_2")


def test_where_every_reading_is_left_out_for_one_reason_that_reason_blocks():
    typed = days(16, mode="manual")
    assert set(codes(case(typed)).values()) == {"MANUAL_ENTRY_RPM"}
    mixed = [*typed, event(date(2026, 4, 6), valid=False)]
    assert codes(case(mixed))["99454"] == "DAYS_BELOW_16"


def test_therapy_without_a_supply_code_says_so_whatever_else_is_wrong():
    made = case(days(16, device="box"), facts={"consent": None}, program="RTM")
    made["rtm_category"] = "other"
    assert codes(made) == {"98975": "NO_CONSENT", "RTM device supply": "NO_SUPPLY_CODE"}


def managed(*entries, program="RPM", month="2026-04", **rest):
    kind = RTM | {"events": BAND} if program == "RTM" else {"events": days(16)}
    asked = {"evaluate": {"period": 1, "month": month}}
    return case(kind.pop("events"), management=list(entries), **kind | asked | rest)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (9, ("MINUTES_BELOW_10", "MINUTES_BELOW_20", "MINUTES_BELOW_40")),
        (10, (1, "MINUTES_BELOW_20", "MINUTES_BELOW_40")),
        (19, (1, "MINUTES_BELOW_20", "MINUTES_BELOW_40")),
        (20, ("USE_20_MIN_CODE", 1, "MINUTES_BELOW_40")),
        (39, ("USE_20_MIN_CODE", 1, "MINUTES_BELOW_40")),
        (40, ("USE_20_MIN_CODE", 1, 1)),
        (59, ("USE_20_MIN_CODE", 1, 1)),
        (60, ("USE_20_MIN_CODE", 1, 2)),
        (100, ("USE_20_MIN_CODE", 1, 4)),
    ],
)
@pytest.mark.parametrize("program", ["RPM", "RTM"])
def test_minutes_earn_a_base_and_full_further_twenties(program, minutes, expected):
    names = {"RPM": ("99470", "99457", "99458"), "RTM": ("98979", "98980", "98981")}[program]
    found = codes(managed(entry(minutes), program=program))
    assert tuple(found[name] for name in names) == expected


@pytest.mark.parametrize(("minutes", "units", "is_warned"), [(79, 2, False), (80, 3, True)])
def test_more_than_two_further_units_carry_a_warning(minutes, units, is_warned):
    parsed = parse_case(Node(managed(entry(minutes)), "made"))
    codes = {one.code: one for one in judge(parsed.facts, parsed.question).codes}
    assert (codes["99458"].units, codes["99458"].warning is not None) == (units, is_warned)
    assert (codes["99457"].units, codes["99457"].warning) == (1, None)
    assert (codes["99470"].units, codes["99470"].warning) == (0, None)


def minutes_of(*entries, **rest):
    return judged(managed(*entries, **rest))["management_minutes"]


def test_minutes_are_counted_once_and_only_in_the_practice_s_month():
    shared = entry(20), entry(20, "2026-04-15T10:10:00-04:00", staff="rn-9")
    assert minutes_of(*shared) == 30
    over_midnight = entry(30, "2026-04-30T23:45:00-04:00")
    assert (minutes_of(over_midnight), minutes_of(over_midnight, month="2026-05")) == (15, 15)
    west = {"practice_timezone": "America/Los_Angeles"}
    assert minutes_of(over_midnight, facts=west) == 30


@pytest.mark.parametrize(
    ("other", "left"),
    [
        (entry(10, service="CCM"), 10),
        (entry(10, service="CCM", staff="rn-9"), 20),
        (entry(10, purpose="logistics"), 10),
        (entry(10, purpose="99091"), 10),
        (entry(10, purpose="evaluation_visit", staff="md-1"), 10),
        (entry(10, service="99214", staff="md-1"), 10),
        (entry(10, service="RPM"), 20),
    ],
)
def test_minutes_of_another_service_are_not_counted_again(other, left):
    assert minutes_of(entry(20), other) == left


def test_a_visit_stated_apart_takes_its_minutes():
    visit = {"start": "2026-04-15T10:05:00-04:00", "end": "2026-04-15T10:10:00-04:00"}
    assert minutes_of(entry(20), visits=[visit]) == 15


def test_minutes_count_while_consent_is_in_force():
    facts = {"consent": {"date": "2026-04-06", "revoked": "2026-04-15"}}
    assert minutes_of(entry(20), entry(5, "2026-04-14T10:00:00-04:00"), facts=facts) == 5
    assert minutes_of(entry(20), facts={"consent": {"date": "2026-04-16"}}) == 0


@pytest.mark.parametrize(
    ("how", "is_live"),
    [
        ({}, True),
        ({"modality": "video", "party": "caregiver"}, True),
        ({"modality": "text"}, False),
        ({"modality": "voicemail"}, False),
        ({"party": "pharmacy"}, False),
        ({"interactive": False}, False),
    ],
)
def test_one_live_talk_with_patient_or_caregiver_is_needed(how, is_live):
    found = codes(managed(entry(25, interactive=False), entry(5) | how))
    assert found["99457"] == (1 if is_live else "NO_INTERACTIVE_COMMUNICATION")


def test_a_live_talk_that_went_to_another_service_is_none():
    found = codes(
        managed(entry(25, "2026-04-16T10:00:00-04:00", interactive=False), entry(5, service="CCM"))
    )
    assert found["99457"] == "NO_INTERACTIVE_COMMUNICATION"


def test_a_live_talk_whose_every_minute_the_same_person_logged_elsewhere_is_none():
    silent = entry(25, "2026-04-16T10:00:00-04:00", interactive=False)
    found = codes(managed(silent, entry(5), entry(5, service="CCM")))
    assert found["99457"] == "NO_INTERACTIVE_COMMUNICATION"


def test_a_month_is_judged_by_its_own_date_of_service():
    old = managed(entry(15, "2025-12-15T10:00:00-05:00"), month="2025-12", facts=OLD)
    assert codes(old)["99470"] == "CODE_NOT_EFFECTIVE"
    new = managed(entry(), month="2027-01", as_of="2027-02-10T12:00:00-05:00")
    assert codes(new)["99457"] == "RULESET_UNVERIFIED"


def test_a_month_is_open_until_its_midnight_at_the_practice():
    last = managed(entry(), as_of="2026-04-30T23:59:59-04:00")
    assert codes(last)["99457"] == "MONTH_OPEN"
    assert codes(last | {"as_of": "2026-05-01T00:00:00-04:00"})["99457"] == 1


@pytest.mark.parametrize(("month", "is_held"), [("2026-05", False), ("2026-06", True)])
def test_management_needs_data_in_the_month_or_the_29_days_before(month, is_held):
    talk = entry(20, f"{month}-15T10:00:00-04:00")
    made = managed(talk, month=month, as_of="2026-07-10T12:00:00-04:00")
    found = codes(made | {"events": days(16)})
    assert found["99457"] == ("NO_DATA_TO_MANAGE" if is_held else 1)


def test_the_29th_day_before_the_month_is_the_first_that_keeps_it_alive():
    for day, expected in (("2026-05-03", 1), ("2026-05-02", "NO_DATA_TO_MANAGE")):
        made = managed(entry(20, "2026-06-15T10:00:00-04:00"), month="2026-06")
        made |= {"events": [event(day)], "as_of": "2026-07-10T12:00:00-04:00"}
        assert codes(made)["99457"] == expected


def test_99091_is_a_qualified_professional_s_own_time_in_the_period():
    own = {"purpose": "99091", "performer": "QHP", "staff": "md-1", "interactive": False}
    assert "99091" not in codes(managed(entry(20)))
    assert codes(managed(entry(30, **own)))["99091"] == 1
    assert codes(managed(entry(29, **own)))["99091"] == "MINUTES_BELOW_30"
    assert codes(managed(entry(30, **own | {"performer": "clinical_staff"})))["99091"] == (
        "NOT_QHP_TIME"
    )
    before = entry(30, "2026-04-05T23:45:00-04:00", **own)
    assert codes(managed(before))["99091"] == "MINUTES_BELOW_30"
    outside = entry(30, "2026-05-06T00:00:00-04:00", **own)
    assert codes(managed(outside))["99091"] == "MINUTES_BELOW_30"
    helped = entry(30, "2026-04-16T10:00:00-04:00", **own | {"performer": "clinical_staff"})
    assert codes(managed(entry(30, **own), helped))["99091"] == 1
    talk = entry(20, "2026-04-20T10:00:00-04:00")
    assert codes(managed(entry(30, **own), talk))["99091"] == "CONFLICT_99457"
    alone = managed(entry(30, **own), talk)
    del alone["evaluate"]["month"]
    assert codes(alone)["99091"] == "CONFLICT_99457"


def test_99091_waits_for_the_end_of_the_period_and_for_data():
    own = {"purpose": "99091", "performer": "QHP"}
    made = managed(entry(30, **own), as_of="2026-05-05T12:00:00-04:00")
    assert codes(made)["99091"] == "PERIOD_OPEN"
    assert codes(made | {"events": []})["99091"] == "NO_DATA_TO_MANAGE"
    assert codes(made | {"events": []}, "anchor=setup")["99091"] == "PERIOD_OPEN"


def test_a_call_of_no_length_is_no_live_talk():
    spent = [entry(25, modality="chart_review"), entry(0, start="2026-04-16T10:00:00-04:00")]
    assert codes(managed(*spent))["99457"] == "NO_INTERACTIVE_COMMUNICATION"
