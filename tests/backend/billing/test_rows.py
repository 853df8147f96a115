"""Each row and each ambiguity of the rule table by cases whose answers were found by reading it."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from backend.billing.policy import AMBIGUITIES
from tests.backend.billing.made import DEVICES, FIRST, case, days, entry, event, judged

PAGE = Path(__file__).parents[3] / "docs" / "billing.md"
RPM_16 = {"99453": 1, "99445": "USE_16_30_CODE", "99454": 1}
RPM_15 = {"99453": "SETUP_MIN_UNCONFIRMED", "99445": 1, "99454": "DAYS_BELOW_16"}
RPM_1 = {"99453": "DAYS_BELOW_2", "99445": "DAYS_BELOW_2", "99454": "DAYS_BELOW_16"}
NOTHING = dict.fromkeys(("99453", "99445", "99454"))
MSK = {"program": "RTM", "rtm_category": "msk"}
RESP = {"program": "RTM", "rtm_category": "resp"}
CBT = {"program": "RTM", "rtm_category": "cbt"}
OTHER = {"program": "RTM", "rtm_category": "other"}
MSK_16 = {"98975": 1, "98985": "USE_16_30_CODE", "98977": 1}
MSK_15 = {"98975": 1, "98985": 1, "98977": "DAYS_BELOW_16"}
APRIL = {"evaluate": {"period": 1, "month": "2026-04"}}
OWN = {"purpose": "99091", "performer": "QHP", "staff": "md-1", "interactive": False}
NO_LIVE = {"modality": "chart_review", "interactive": False, "party": None}


def papers(day):
    return {
        "order_date": day,
        "consent": {"date": day},
        "setup": {"date": day, "education_done": True},
    }


def late(day, received):
    return event(day, delivery="stored") | {"received_at": received}


def all_blocked(reason):
    return dict.fromkeys(NOTHING, reason)


def minutes(count, *, base=("99470", "99457", "99458")):
    """What so many minutes with live talk earn."""
    first, twenty, further = base
    return {
        first: ("MINUTES_BELOW_10", 1, "USE_20_MIN_CODE")[(count >= 10) + (count >= 20)],
        twenty: 1 if count >= 20 else "MINUTES_BELOW_20",
        further: (count - 20) // 20 if count >= 40 else "MINUTES_BELOW_40",
    }


def silent(count):
    """What so many minutes without live talk earn."""
    return {
        code: reason if str(reason).startswith("MINUTES") else "NO_INTERACTIVE_COMMUNICATION"
        for code, reason in minutes(count).items()
    }


def managed(*entries, events=None, **rest):
    own = days(16) if events is None else events
    return case(own, management=list(entries), **APRIL | rest)


def every_other_day(count):
    return [event(FIRST + timedelta(days=2 * n)) for n in range(count)]


def two_years(count, first="2025-12-10", **rest):
    made = {"as_of": "2026-01-20T12:00:00-05:00"} | rest
    program = made.pop("program", "RPM")
    device = "cuff" if program == "RPM" else "band"
    own = days(count, since=date.fromisoformat(first), device=device)
    facts = papers(first) | made.pop("facts", {})
    return case(own, facts=facts, program=program, **made)


# Row, what is asked, case, policy; then days, codes and what is left out. One glance a row.
# fmt: off
ROWS = [
    ("R-DAY-1", "days need not follow each other", case(every_other_day(15)), (), 15, RPM_15, {}),
    ("R-DAY-1", "many readings on a date", case([event(FIRST, h) for h in range(4, 20)]), (), 1,
     RPM_1, {}),
    ("R-DAY-1", "a failed measurement is none", case([*days(15), event("2026-04-25",
     valid=False)]), (), 15, RPM_15, {"INVALID_READING": 1}),
    ("R-DAY-1", "somebody else's reading", case([*days(15), event("2026-04-25",
     attributed=False)]), (), 15, RPM_15, {"UNATTRIBUTED": 1}),
    ("R-DAY-2", "two local dates of one UTC date", case([event("2026-04-06", 21),
     event("2026-04-07", 8)]), (), 2, RPM_15, {}),
    ("R-DAY-2", "the zone of a move holds from the next period on", case([event("2026-04-06"),
     event("2026-04-19", 12), event("2026-04-20", 1)], timezone_history=[{"from": "2026-04-10",
     "timezone": "America/Los_Angeles"}]), (), 3, RPM_15, {}),
    ("R-DAY-2", "no offset, no date", case([*days(15), event("2026-04-25") | {"timestamp":
     "2026-04-25T08:00:00"}]), (), 15, RPM_15, {"NO_OFFSET": 1}),
    ("R-DAY-3", "stored, and received before the claim was locked", case([*days(15),
     late("2026-04-25", "2026-05-06T08:00:00-04:00")], facts={"claim_locked_at":
     "2026-05-07T12:00:00-04:00"}), (), 16, RPM_16, {}),
    ("R-DAY-3", "stored, and received after it was locked", case([*days(15), late("2026-04-25",
     "2026-05-08T08:00:00-04:00")], facts={"claim_locked_at": "2026-05-07T12:00:00-04:00"}), (),
     15, RPM_15, {"LATE_AFTER_LOCK": 1}),
    ("R-DAY-3", "a stored reading of a clock that is wrong by nobody knows how much",
     case([*days(15), event("2026-04-25", clock="unknown", delivery="stored")]), (), 15, RPM_15,
     {"CLOCK_FAULT": 1}),
    ("R-DAY-3", "301 seconds ahead of its receipt", case([*days(15), event("2026-04-25",
     after=timedelta(seconds=-301))]), (), 15, RPM_15, {"FUTURE_TIMESTAMP": 1}),
    ("R-DAY-4", "typed values", case([*days(15), event("2026-04-25", mode="manual")]), (), 15,
     RPM_15, {"MANUAL_ENTRY_RPM": 1}),
    ("R-DAY-4", "nothing but typed values", case(days(16, mode="manual")), (), 0,
     all_blocked("MANUAL_ENTRY_RPM"), {"MANUAL_ENTRY_RPM": 16}),
    ("R-DAY-5", "an app that is a medical device", case(days(16, device="band", mode="manual"),
     **MSK), (), 16, MSK_16, {}),
    ("R-DAY-5", "a paper diary", case(days(16, device="paper", mode="manual"), **MSK), (), 0,
     dict.fromkeys(MSK_16, "NOT_DEVICE_CAPTURED"), {"NOT_DEVICE_CAPTURED": 16}),
    ("R-DAY-6", "heartbeats", case([*days(2), *days(5, since=date(2026, 4, 20),
     message_type="heartbeat")]), (), 2, RPM_15, {"NOT_A_MEASUREMENT": 5}),
    ("R-DAY-6", "error frames", case(days(3, message_type="error")), (), 0,
     all_blocked("NOT_A_MEASUREMENT"), {"NOT_A_MEASUREMENT": 3}),
    ("R-DEV-FDA", "a wellness product", case(days(16), devices={"cuff": DEVICES["cuff"] |
     {"general_wellness": True}}), (), 0, all_blocked("DEVICE_NOT_QUALIFIED"),
     {"DEVICE_NOT_QUALIFIED": 16}),
    ("R-DEV-FDA", "no evidence", case(days(16, device="watch")), (), 0,
     all_blocked("DEVICE_NOT_QUALIFIED"), {"DEVICE_NOT_QUALIFIED": 16}),
    ("R-DEV-FDA", "clearance is not the test", case(days(16), devices={"cuff": DEVICES["cuff"] |
     {"fda_cleared": False}}), (), 16, RPM_16, {}),
    ("R-DEV-16", "30 days", case(days(30)), (), 30, RPM_16, {}),
    ("R-DEV-16", "16 days of 2025", two_years(16, "2025-10-01"), (), 16, {"99453": 1, "99445":
     "CODE_NOT_EFFECTIVE", "99454": 1}, {}),
    ("R-DEV-16", "15 days of 2025", two_years(15, "2025-10-01"), (), 15, {"99453": "DAYS_BELOW_16",
     "99445": "CODE_NOT_EFFECTIVE", "99454": "DAYS_BELOW_16"}, {}),
    ("R-DEV-2", "2 days", case(days(2)), (), 2, RPM_15, {}),
    ("R-DEV-2", "therapy of the mind", case(days(2, device="box"), **CBT), (), 2, {"98975": 1,
     "98986": 1, "98978": "DAYS_BELOW_16"}, {}),
    ("R-DEV-2", "breathing", case(days(15, device="puff"), **RESP), (), 15, {"98975": 1, "98984":
     1, "98976": "DAYS_BELOW_16"}, {}),
    ("R-DEV-X", "16 days are not billed short", case(days(16, device="puff"), **RESP), (), 16,
     {"98975": 1, "98984": "USE_16_30_CODE", "98976": 1}, {}),
    ("R-DEV-X", "one day is none", case(days(1)), (), 1, RPM_1, {}),
    ("R-DEV-MULTI", "8 and 8 days of two devices", case([*days(8), *days(8, since=date(2026, 4,
     14), device="scale")]), (), 16, RPM_16, {}),
    ("R-PER-1", "day 1 is the first reading on or after the latest paper", case(days(20),
     facts={"order_date": "2026-04-08", "consent": {"date": "2026-04-10"}}), (), 16, RPM_16 |
     {"start": "2026-04-10"}, {"BEFORE_START": 4}),
    ("R-PER-1", "a period is no calendar month", case(days(16, since=date(2026, 4, 20))), (), 16,
     all_blocked("PERIOD_OPEN") | {"start": "2026-04-20"}, {}),
    ("R-PER-2", "a day behind the 30 fills nothing", case([*days(15), event("2026-05-06")]), (),
     15, RPM_15, {}),
    ("R-PER-3", "after silence the second period is where it was", case([*days(3), *days(10,
     since=date(2026, 5, 30))], evaluate={"period": 2}, as_of="2026-06-10T12:00:00-04:00"), (), 6,
     {"99453": "NOT_FIRST_PERIOD", "99445": 1, "99454": "DAYS_BELOW_16", "start": "2026-05-06"},
     {}),
    ("R-PER-3", "a documented end begins anew", case(days(20), facts={"episode_start":
     "2026-04-10"}), (), 16, RPM_16 | {"start": "2026-04-10"}, {"BEFORE_START": 4}),
    ("R-PER-4", "the last second", case(days(16), as_of="2026-05-05T23:59:59-04:00"), (), 16,
     all_blocked("PERIOD_OPEN"), {}),
    ("R-PER-4", "the first second after it", case(days(16), as_of="2026-05-06T04:00:00Z"), (), 16,
     RPM_16, {}),
    ("R-SET-1", "billed before in this episode", case(days(16), facts={"setup_billed": True}), (),
     16, RPM_16 | {"99453": "ALREADY_BILLED_EPISODE"}, {}),
    ("R-SET-1", "without education", case(days(16), facts={"setup": {"date": "2026-04-06",
     "education_done": False}}), (), 16, RPM_16 | {"99453": "NO_SETUP_EDUCATION"}, {}),
    ("R-SET-1", "a device replaced in the second period is no new set-up", case([*days(16),
     *days(16, since=date(2026, 5, 6), device_id="new")], devices={"cuff": DEVICES["cuff"] |
     {"assigned_to": "2026-05-05"}, "new": DEVICES["cuff"] | {"assigned_from": "2026-05-06"}},
     evaluate={"period": 2}, as_of="2026-06-10T12:00:00-04:00"), (), 16, RPM_16 | {"99453":
     "NOT_FIRST_PERIOD"}, {}),
    ("R-SET-2", "2 days of 2026", case(days(2, device="band"), **MSK), (), 2, MSK_15, {}),
    ("R-SET-2", "15 days of 2025", two_years(15, "2025-10-01", **MSK), (), 15, {"98975":
     "DAYS_BELOW_16", "98985": "CODE_NOT_EFFECTIVE", "98977": "DAYS_BELOW_16"}, {}),
    ("R-SET-3", "16 by default", case(days(15)), (), 15, RPM_15, {}),
    ("R-SET-3", "2 once it is confirmed", case(days(2)), ("setup_min_2026=2",), 2, RPM_15 |
     {"99453": 1}, {}),
    ("R-EFF", "both years agree", two_years(16), (), 16, RPM_16, {}),
    ("R-EFF", "they do not", two_years(15), (), 15, RPM_15 | {"99445": "SPANS_RULE_CHANGE"}, {}),
    ("R-EFF", "a last day in 2025 is a service of 2025", two_years(15, "2025-12-02"), (), 15,
     {"99453": "DAYS_BELOW_16", "99445": "CODE_NOT_EFFECTIVE", "99454": "DAYS_BELOW_16"}, {}),
    ("R-EFF", "a service of 2027", two_years(16, "2026-12-03", as_of="2027-02-01T12:00:00-05:00"),
     (), 16, all_blocked("RULESET_UNVERIFIED"), {}),
    ("R-CGM", "continuous glucose is paid already", case(days(16), facts={"glucose_claims":
     [{"from": "2026-04-20", "to": "2026-04-20"}]}), (), 16, all_blocked("CGM_95250_OVERLAP"), {}),
    ("R-MGT-10", "9 minutes", managed(entry(9)), (), 16, RPM_16 | minutes(9), {}),
    ("R-MGT-10", "10 minutes", managed(entry(10)), (), 16, RPM_16 | minutes(10), {}),
    ("R-MGT-10", "not before 2026", two_years(16, "2025-11-01", management=[entry(12,
     "2025-11-15T10:00:00-05:00")], evaluate={"period": 1, "month": "2025-11"}), (), 16, {"99453":
     1, "99445": "CODE_NOT_EFFECTIVE", "99454": 1, "99470": "CODE_NOT_EFFECTIVE", "99457":
     "MINUTES_BELOW_20", "99458": "MINUTES_BELOW_40"}, {}),
    ("R-MGT-20", "20 minutes", managed(entry(20)), (), 16, RPM_16 | minutes(20), {}),
    ("R-MGT-ADD", "39 minutes", managed(entry(39)), (), 16, RPM_16 | minutes(39), {}),
    ("R-MGT-ADD", "40 minutes", managed(entry(40)), (), 16, RPM_16 | minutes(40), {}),
    ("R-MGT-ADD", "therapy, 79 minutes", case(days(16, device="band"), management=[entry(79)],
     **MSK, **APRIL), (), 16, MSK_16 | {"98979": "USE_20_MIN_CODE", "98980": 1, "98981": 2}, {}),
    ("R-MGT-LIVE", "45 minutes of review", managed(entry(45, **NO_LIVE)), (), 16, RPM_16 |
     silent(45), {}),
    ("R-MGT-LIVE", "one minute of talk among 45", managed(entry(44, **NO_LIVE), entry(1,
     "2026-04-16T10:00:00-04:00")), (), 16, RPM_16 | minutes(45), {}),
    ("R-MGT-LIVE", "with the caregiver, by video", managed(entry(20, modality="video",
     party="caregiver")), (), 16, RPM_16 | minutes(20), {}),
    ("R-MGT-LIVE", "a message on the answering machine", managed(entry(20, modality="voicemail",
     interactive=False)), (), 16, RPM_16 | silent(20), {}),
    ("R-MGT-NODAYS", "one day of data", managed(entry(20), events=days(1)), (), 1, RPM_1 |
     minutes(20), {}),
    ("R-MGT-DOUBLE", "minutes of another service", managed(entry(25), entry(10, service="CCM")),
     (), 16, RPM_16 | minutes(15), {}),
    ("R-MGT-DOUBLE", "inside a visit of the same morning", managed(entry(25), entry(10,
     purpose="visit", staff="md-1")), (), 16, RPM_16 | minutes(15), {}),
    ("R-MGT-DOUBLE", "shipping", managed(entry(9), entry(30, "2026-04-16T10:00:00-04:00",
     purpose="logistics")), (), 16, RPM_16 | minutes(9), {}),
    ("R-MGT-MONTH", "a call over the end of the month", managed(entry(30,
     "2026-04-30T23:45:00-04:00")), (), 16, RPM_16 | minutes(15), {}),
    ("R-MGT-MONTH", "no minute rolls over", managed(entry(15), entry(15,
     "2026-03-31T10:00:00-04:00")), (), 16, RPM_16 | minutes(15), {}),
    ("R-99091", "30 minutes of a professional", managed(entry(30, **OWN)), (), 16, RPM_16 |
     minutes(0) | {"99091": 1}, {}),
    ("R-99091", "of a nurse", managed(entry(30, **OWN | {"performer": "clinical_staff"})), (), 16,
     RPM_16 | minutes(0) | {"99091": "NOT_QHP_TIME"}, {}),
    ("R-99091", "29 minutes", managed(entry(29, **OWN)), (), 16, RPM_16 | minutes(0) | {"99091":
     "MINUTES_BELOW_30"}, {}),
    ("R-99091", "beside 99457", managed(entry(30, **OWN), entry(20, "2026-04-20T10:00:00-04:00")),
     (), 16, RPM_16 | minutes(20) | {"99091": "CONFLICT_99457"}, {}),
    ("R-CONS", "none", case(days(16), facts={"consent": None}), (), 16, all_blocked("NO_CONSENT"),
     {}),
    ("R-CONS", "revoked on the 17th day", case(days(20), facts={"consent": {"date": "2026-04-06",
     "revoked": "2026-04-22"}}), (), 16, RPM_16, {"AFTER_REVOCATION": 4}),
    ("R-ORD", "none", case(days(16), facts={"order_date": None}), (), 16, all_blocked("NO_ORDER"),
     {}),
    ("R-EST", "a new patient", case(days(16), facts={"established_patient": False}), (), 16,
     all_blocked("NOT_ESTABLISHED_PATIENT"), {}),
    ("R-EST", "therapy without a plan", case(days(16, device="band"), facts={"treatment_plan":
     False}, **MSK), (), 16, dict.fromkeys(MSK_16, "NO_TREATMENT_PLAN"), {}),
    ("R-ONE", "another practitioner's set-up within the 30 days", case(days(16),
     facts={"other_practitioner_claims": [{"npi": "1", "code": "98975", "period_start":
     "2026-05-05", "period_end": "2026-06-03"}]}), (), 16, all_blocked("OTHER_PRACTITIONER"), {}),
    ("R-NOTBOTH", "elected", case(days(16), facts={"other_program": {"program": "RTM", "from":
     "2026-05-05", "to": "2026-06-30"}, "elected_program": "RPM"}), (), 16, RPM_16, {}),
    ("R-NOTBOTH", "the other one is elected", case(days(16), facts={"other_program": {"program":
     "RTM", "from": "2026-05-05", "to": "2026-06-30"}, "elected_program": "RTM"}), (), 16,
     all_blocked("RPM_RTM_CONFLICT"), {}),
    ("R-GLOB", "unrelated to the operation", case(days(16), facts={"global_period": {"from":
     "2026-04-01", "to": "2026-06-30", "paid_to_biller": True, "related": False}}), (), 16, RPM_16,
     {}),
    ("R-GLOB", "paid to another surgeon", case(days(16), facts={"global_period": {"from":
     "2026-04-01", "to": "2026-06-30", "paid_to_biller": False, "related": True}}), (), 16, RPM_16,
     {}),
    ("R-GLOB", "ended the day before", case(days(16), facts={"global_period": {"from":
     "2026-01-06", "to": "2026-04-05", "paid_to_biller": True, "related": True}}), (), 16, RPM_16,
     {}),
    ("R-WHO", "a therapist bills no physiologic monitoring", case(days(16), facts={"biller":
     {"npi": "1000000002", "type": "PT"}}), (), 16, all_blocked("BILLER_NOT_ELIGIBLE"), {}),
    ("R-WHO", "a psychologist bills therapy", case(days(16, device="box"), facts={"biller": {"npi":
     "1000000002", "type": "psychologist"}}, **CBT), (), 16, {"98975": 1, "98986":
     "USE_16_30_CODE", "98978": 1}, {}),
    ("R-FQHC", "a clinic bills the same codes", case(days(16), facts={"biller": {"npi":
     "1000000002", "type": "FQHC"}}), (), 16, RPM_16, {}),
    ("R-INP", "the days between admission and discharge", case(days(18), facts={"stays": [{"from":
     "2026-04-10", "to": "2026-04-13"}]}), (), 16, RPM_16, {"INPATIENT": 2}),
    ("R-ACCESS", "aligned with this organisation", case(days(16), facts={"access_model": {"from":
     "2026-05-05", "aligned": True, "own_organisation": True, "same_condition": True}}), (), 16,
     all_blocked("ACCESS_MODEL_EXCLUSIVE"), {}),
    ("R-PAY", "a payer nobody knows", case(days(16), facts={"payer": "acme_health"}), (), 16,
     all_blocked("PAYER_POLICY_HOLD"), {}),
    ("R-PAY", "UnitedHealthcare, heart failure", case(days(16), facts={"payer":
     "unitedhealthcare_ma", "condition": "I50.22 heart failure"}), (), 16, RPM_16, {}),
    ("R-PAY", "UnitedHealthcare, hypertension", case(days(16), facts={"payer":
     "unitedhealthcare_ma"}), (), 16, all_blocked("PAYER_POLICY_HOLD"), {}),
    ("1d", "a cuff is no therapy", case(days(16), **MSK), (), 0, dict.fromkeys(MSK_16,
     "DATA_TYPE_MISMATCH"), {"DATA_TYPE_MISMATCH": 16}),
    ("1d", "a dispenser for lungs", case(days(16, device="box"), **RESP), (), 16, {"98975": 1,
     "98984": "USE_16_30_CODE", "98976": 1}, {}),
    ("1d", "a dispenser for the heart", case(days(16, device="box"), **OTHER), (), 16, {"98975": 1,
     "RTM device supply": "NO_SUPPLY_CODE"}, {}),
    ("1d", "a dispenser in physiologic monitoring", case(days(16, device="box")), (), 0,
     all_blocked("DATA_TYPE_MISMATCH"), {"DATA_TYPE_MISMATCH": 16}),
    ("AMB-1", "UTC", case([event(FIRST, 19), event(FIRST, 21)]), ("day=utc",), 2, RPM_15, {}),
    ("AMB-1", "the offset of the device", case([event(FIRST), event(FIRST, 13) | {"timestamp":
     "2026-04-07T02:00:00+09:00"}]), ("day=event_offset",), 2, RPM_15, {}),
    ("AMB-2", "from the set-up on", case(days(16, since=date(2026, 4, 22))), ("anchor=setup",), 14,
     RPM_15 | {"start": "2026-04-06"}, {}),
    ("AMB-3", "by the day of receipt", case([late(f"2026-04-{6 + n:02}",
     "2026-04-20T08:00:00-04:00") for n in range(10)]), ("count_by=received",), 1, RPM_1 |
     {"start": "2026-04-20"} | all_blocked("PERIOD_OPEN"), {}),
    ("AMB-4", "16 confirmed", case(days(15)), ("setup_min_2026=16",), 15, RPM_15, {}),
    ("AMB-5", "by date of service", two_years(15), ("span=dos",), 15, RPM_15, {}),
    ("AMB-6", "16 days are reached and the period is open", case(days(16),
     as_of="2026-04-25T12:00:00-04:00"), (), 16, all_blocked("PERIOD_OPEN"), {}),
    ("AMB-7", "readings before the order", case(days(16), facts={"order_date": "2026-04-07"}), (),
     15, RPM_15, {"BEFORE_START": 1}),
    ("AMB-8", "another practitioner's minutes", managed(entry(20),
     facts={"other_practitioner_claims": [{"npi": "1", "code": "99457", "period_start":
     "2026-04-01", "period_end": "2026-04-30"}]}), (), 16, dict.fromkeys(RPM_16 | minutes(20),
     "OTHER_PRACTITIONER"), {}),
    ("AMB-9", "both with live talk", managed(entry(30, **OWN), entry(40,
     "2026-04-20T10:00:00-04:00")), (), 16, RPM_16 | minutes(40) | {"99091": "CONFLICT_99457"}, {}),
    ("AMB-10", "two therapies", case([*days(8, device="band"), *days(8, since=date(2026, 4, 14),
     device="puff")], **MSK), (), 8, MSK_15, {"DATA_TYPE_MISMATCH": 8}),
    ("AMB-11", "two people at once", managed(entry(15), entry(15, staff="rn-9")), (), 16, RPM_16 |
     minutes(15), {}),
    ("AMB-12", "texts", managed(entry(20, modality="text")), (), 16, RPM_16 | silent(20), {}),
    ("AMB-13", "alerts", case(days(16, message_type="alert")), (), 0,
     all_blocked("NOT_A_MEASUREMENT"), {"NOT_A_MEASUREMENT": 16}),
    ("AMB-14", "a night in hospital has no day between", case(days(16), facts={"stays": [{"from":
     "2026-04-10", "to": "2026-04-11"}]}), (), 16, RPM_16, {}),
    ("AMB-15", "none elected", case(days(16), facts={"other_program": {"program": "RTM", "from":
     "2026-04-10", "to": "2026-06-30"}}), (), 16, all_blocked("RPM_RTM_UNRESOLVED"), {}),
    ("AMB-16", "typed into an app", case(days(2, device="band", mode="manual"), **MSK), (), 2,
     MSK_15, {}),
    ("AMB-17", "a plan with a profile", case(days(16), facts={"payer": "acme_health",
     "payer_profile": "allowed"}), (), 16, RPM_16, {}),
    ("AMB-18", "no data in the month or 29 days before", managed(entry(20), events=[]), (), 0,
     RPM_1 | dict.fromkeys(minutes(20), "NO_DATA_TO_MANAGE"), {}),
    ("AMB-19", "the practice's month", managed(entry(20, "2026-05-01T01:30:00-04:00"),
     facts={"practice_timezone": "America/Los_Angeles"}), (), 16, RPM_16 | minutes(20), {}),
    ("AMB-20", "listed and not cleared", case(days(2), devices={"cuff": DEVICES["cuff"] |
     {"fda_cleared": False}}), (), 2, RPM_15, {}),
    ("AMB-21", "missed, refilled, rotated", case([*days(3, device="box", message_type="dispensed"),
     *(event("2026-04-20", device="box", message_type=what) for what in ("missed", "refilled",
     "rotated"))], **RESP), (), 3, {"98975": 1, "98984": 1, "98976": "DAYS_BELOW_16"},
     {"NOT_A_MEASUREMENT": 3}),
    ("AMB-22", "16 for therapy", case(days(15, device="band"), **MSK), ("setup_min_2026=16",), 15,
     MSK_15 | {"98975": "SETUP_MIN_UNCONFIRMED"}, {}),
]
# fmt: on


@pytest.mark.parametrize(
    ("made", "policy", "counted", "expected", "excluded"),
    [pytest.param(*one[2:], id=f"{one[0]} {one[1]}") for one in ROWS],
)
def test_the_answer_is_what_the_row_says(made, policy, counted, expected, excluded):
    expected = dict(expected)
    start = expected.pop("start", None)
    found = judged(made, *policy)
    billable = {one["code"]: one["units"] for one in found["billable_codes"]}
    blocked = {one["code"]: one["reason"] for one in found["blocked_codes"]}
    assert (found["qualifying_days"], billable | blocked) == (counted, expected)
    assert found["excluded_events"] == excluded
    assert start in (None, found["period_start"])
    for one in found["billable_codes"]:
        of_month = one["code"] in {"99470", "99457", "99458", "98979", "98980", "98981"}
        assert of_month or one["dos"] == found["period_end"]
        assert not of_month or one["dos"].startswith(made["evaluate"]["month"])


def test_every_row_and_every_ambiguity_has_a_case_of_its_own():
    rows = re.findall(
        r"^\| ([R1][^|]*) \|", PAGE.read_text().partition("## The rows")[2], re.MULTILINE
    )
    named = {name for row in rows for name in row.split(", ")}
    ambiguities = {name for names in AMBIGUITIES.values() for name in names}
    assert {row for row, *_ in ROWS} == named | ambiguities
