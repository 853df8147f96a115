from datetime import date, timedelta

import pytest

from backend.billing.reasons import Exclusion
from tests.backend.billing.made import DEVICES, FIRST, case, days, event, judged

# The last of 16 readings is replaced by one with a fault; the reason is the first that applies.
LAST = FIRST + timedelta(days=15)
FAULTS = {
    "NOT_A_MEASUREMENT": {"message_type": "heartbeat"},
    "INVALID_READING": {"valid": False},
    "NOT_DEVICE_CAPTURED": {"device_id": "paper"},
    "DEVICE_NOT_QUALIFIED": {"device_id": "watch"},
    "UNATTRIBUTED": {"attributed": False},
    "MANUAL_ENTRY_RPM": {"mode": "manual"},
    "DATA_TYPE_MISMATCH": {"device_kind": "pill_dispenser"},
    "NO_OFFSET": {"timestamp": f"{LAST}T08:00:00"},
    "NOT_RECEIVED_YET": {"received_at": "2026-05-10T12:00:01-04:00"},
    "CLOCK_FAULT": {"clock": "wrong", "delivery": "stored"},
    "FUTURE_TIMESTAMP": {"received_at": f"{LAST}T07:54:59-04:00"},
    "NOT_ASSIGNED": {"value": "121/80"},
}
SLIPS = {"NOT_ASSIGNED": {"cuff": DEVICES["cuff"] | {"assigned_to": "2026-04-20"}}}


@pytest.mark.parametrize("reason", FAULTS)
def test_each_fault_has_its_reason(reason):
    events = [*days(15), event(LAST) | FAULTS[reason]]
    found = judged(case(events, devices=SLIPS.get(reason)))
    assert (found["qualifying_days"], found["excluded_events"]) == (15, {reason: 1})


@pytest.mark.parametrize("number", range(len(FAULTS) - 1))
def test_of_all_faults_from_one_on_the_first_is_told(number):
    names = list(FAULTS)[number:]
    faulty = event(LAST, value="120/80")
    for name in reversed(names):
        faulty |= FAULTS[name]
    found = judged(case([*days(15), faulty], devices=SLIPS["NOT_ASSIGNED"]))
    assert found["excluded_events"] == {names[0]: 1}


def test_the_reasons_stand_in_the_order_of_the_table():
    told = [reason for reason in Exclusion if reason in FAULTS]
    assert told == list(FAULTS)


@pytest.mark.parametrize(
    ("facts", "counted", "excluded"),
    [
        ({"order_date": "2026-04-08"}, 14, {"BEFORE_START": 2}),
        ({"consent": {"date": "2026-04-09"}}, 13, {"BEFORE_START": 3}),
        ({"setup": {"date": "2026-04-07", "education_done": True}}, 15, {"BEFORE_START": 1}),
        ({"order_date": None}, 16, {}),
        ({"consent": {"date": "2026-04-06", "revoked": "2026-04-11"}}, 5, {"AFTER_REVOCATION": 11}),
        ({"stays": [{"from": "2026-04-10", "to": "2026-04-13"}]}, 14, {"INPATIENT": 2}),
        ({"stays": [{"from": "2026-04-10", "to": "2026-04-11"}]}, 16, {}),
        ({"stays": [{"from": "2026-04-10"}]}, 5, {"INPATIENT": 11}),
    ],
)
def test_what_lies_before_the_start_after_revocation_or_in_hospital_does_not_count(
    facts, counted, excluded
):
    found = judged(case(days(16), facts=facts))
    assert (found["qualifying_days"], found["excluded_events"]) == (counted, excluded)


def test_a_device_counts_from_the_first_to_the_last_day_of_its_assignment():
    given = DEVICES["cuff"] | {"assigned_from": "2026-04-07", "assigned_to": "2026-04-09"}
    assert judged(case(days(16), devices={"cuff": given}))["excluded_events"] == {
        "NOT_ASSIGNED": 13
    }


def test_a_device_that_nobody_entered_does_not_qualify():
    found = judged(case([event(FIRST) | {"device_id": "stranger"}]))
    assert found["excluded_events"] == {"DEVICE_NOT_QUALIFIED": 1}


def test_a_live_reading_of_a_faulty_clock_counts_on_the_day_it_came():
    wrong = event(FIRST) | {"timestamp": "2019-01-01T00:00:00-05:00", "clock": "wrong"}
    found = judged(case([wrong]))
    assert (found["qualifying_days"], found["period_start"]) == (1, "2026-04-06")


def test_a_reading_may_be_300_seconds_ahead_of_its_receipt():
    ahead = event(FIRST, after=timedelta(seconds=-300))
    assert judged(case([ahead]))["qualifying_days"] == 1


def test_a_clock_that_is_ahead_by_a_known_amount_is_set_right():
    fast = event(FIRST, hour=1, clock="offset_known", clock_offset_s=7200)
    found = judged(case([fast, event(FIRST, hour=2)]))
    assert found["excluded_events"] == {"BEFORE_START": 1}


@pytest.mark.parametrize(
    ("change", "counted"), [({"value": "121/80"}, 2), ({"device_id": "two"}, 2), ({}, 1)]
)
def test_a_reading_is_the_same_when_device_time_kind_and_value_are(change, counted):
    two = [event(FIRST, value="120/80"), event(FIRST, value="120/80") | change]
    found = judged(case(two, devices={"two": DEVICES["cuff"]}))
    assert sum(found["excluded_events"].values()) == 2 - counted


def test_of_two_sightings_the_one_that_counts_counts():
    late = event(FIRST, delivery="stored") | {"received_at": "2026-05-11T00:00:00-04:00"}
    found = judged(case([late, event(FIRST)]))
    assert (found["qualifying_days"], found["excluded_events"]) == (1, {"NOT_RECEIVED_YET": 1})


LOCK = {"claim_locked_at": "2026-05-07T12:00:00-04:00"}


@pytest.mark.parametrize(
    ("day", "received", "excluded"),
    [
        ("2026-04-30", "2026-05-07T12:00:00-04:00", {}),
        ("2026-04-30", "2026-05-07T12:00:01-04:00", {"LATE_AFTER_LOCK": 1}),
        ("2026-05-05", "2026-05-08T12:00:00-04:00", {"LATE_AFTER_LOCK": 1}),
        ("2026-05-06", "2026-05-08T12:00:00-04:00", {}),
    ],
)
def test_a_lock_shuts_its_period_and_no_other(day, received, excluded):
    late = event(day, delivery="stored") | {"received_at": received}
    assert judged(case([*days(10), late], facts=LOCK))["excluded_events"] == excluded


def test_what_comes_after_a_lock_does_not_move_the_periods():
    early = event(FIRST, delivery="stored") | {"received_at": "2026-05-09T12:00:00-04:00"}
    found = judged(case([early, *days(9, since=date(2026, 4, 7))], facts=LOCK))
    assert (found["period_start"], found["excluded_events"]) == (
        "2026-04-07",
        {"LATE_AFTER_LOCK": 1},
    )


def test_with_nothing_here_when_the_claim_was_locked_all_before_it_is_late():
    late = event(FIRST, delivery="stored") | {"received_at": "2026-05-09T12:00:00-04:00"}
    assert judged(case([late], facts=LOCK))["excluded_events"] == {"LATE_AFTER_LOCK": 1}


def test_with_nothing_here_when_the_claim_was_locked_what_comes_later_is_not_late():
    after = event("2026-05-08")
    assert judged(case([after], facts=LOCK))["excluded_events"] == {}


def test_a_lock_of_the_second_period_leaves_the_first_one_open():
    late = event(FIRST, hour=20, delivery="stored") | {"received_at": "2026-05-09T12:00:00-04:00"}
    facts = {"claim_locked_at": {"at": "2026-05-07T12:00:00-04:00", "period": 2}}
    assert judged(case([*days(3), late], facts=facts))["excluded_events"] == {}


def test_with_nothing_here_when_the_claim_was_locked_what_is_dated_that_same_day_is_late():
    late = event("2026-05-07", delivery="stored") | {"received_at": "2026-05-09T12:00:00-04:00"}
    assert judged(case([late], facts=LOCK))["excluded_events"] == {"LATE_AFTER_LOCK": 1}


def test_by_the_device_s_own_dates_a_lock_shuts_the_period_of_that_date():
    # 23:00 of the period's last date at home is the next date where the patient travels.
    late = event("2026-05-06", delivery="stored") | {
        "timestamp": "2026-05-06T12:00:00+09:00",
        "received_at": "2026-05-09T12:00:00-04:00",
    }
    made = case([*days(3), late], facts=LOCK)
    assert judged(made, "day=event_offset")["excluded_events"] == {}
    assert judged(made)["excluded_events"] == {"LATE_AFTER_LOCK": 1}


@pytest.mark.parametrize("order", [1, -1])
def test_by_the_day_of_receipt_the_first_of_two_sightings_says_the_day(order):
    again = event("2026-04-08") | {"received_at": "2026-04-20T08:00:00-04:00"}
    found = judged(case([event("2026-04-08"), again][::order]), "count_by=received")
    assert (found["period_start"], found["excluded_events"]) == ("2026-04-08", {"DUPLICATE": 1})


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ({"setup": None}, "2026-04-06"),
        ({"setup": None, "order_date": None, "consent": {"date": "2026-04-07"}}, "2026-04-07"),
        ({"setup": None, "order_date": None, "consent": None}, "2026-04-10"),
    ],
)
def test_without_a_set_up_that_would_be_day_1_the_latest_paper_is_or_the_first_reading(
    facts, start
):
    made = case(days(3, since=date(2026, 4, 10)), facts=facts)
    assert judged(made, "anchor=setup")["period_start"] == start


def test_what_a_patient_enters_into_a_medical_app_counts_for_rtm_alone():
    typed = days(3, device="band", mode="manual")
    assert judged(case(typed, program="RTM", rtm_category="msk"))["qualifying_days"] == 3


def test_a_device_that_is_defined_need_not_be_cleared():
    made = case(days(3), devices={"cuff": DEVICES["cuff"] | {"fda_cleared": False}})
    assert judged(made)["qualifying_days"] == 3


def test_data_of_one_therapy_do_not_count_in_another():
    events = [*days(3, device="puff"), *days(4, device="band"), *days(5, device="box")]
    counted = {
        category: sum(
            judged(case(events, program="RTM", rtm_category=category), "anchor=setup")[
                "excluded_events"
            ].values()
        )
        for category in ("resp", "msk", "cbt", "other")
    }
    assert counted == {"resp": 4, "msk": 3, "cbt": 7, "other": 0}


def test_a_dose_missed_is_no_data_and_one_dispensed_is():
    events = [
        event(FIRST, device="box", message_type="dispensed"),
        event(FIRST + timedelta(days=1), device="box", message_type="missed"),
    ]
    found = judged(case(events, program="RTM", rtm_category="resp"))
    assert (found["qualifying_days"], found["excluded_events"]) == (1, {"NOT_A_MEASUREMENT": 1})
