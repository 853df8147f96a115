"""Readings as a ledger tells them, where a file of cases has no words for it."""

from collections import Counter

import msgspec
import pytest

from backend.billing.case import parse_case
from backend.billing.node import Node
from backend.billing.verdict import judge
from tests.backend.billing.made import case, days, entry, event, judged
from tests.backend.billing.naive.compare import by_rules


def excluded_of(made, **change):
    parsed = parse_case(Node(made, "case"))
    first, *others = parsed.facts.readings
    readings = (msgspec.structs.replace(first, **change), *others)
    facts = msgspec.structs.replace(parsed.facts, readings=readings)
    return Counter(why for _, why in judge(facts, parsed.question).excluded)


@pytest.mark.parametrize(("is_live", "excluded"), [(True, {}), (False, {"CLOCK_FAULT": 1})])
def test_a_sound_clock_that_told_no_time_is_as_none_at_all(is_live, excluded):
    assert excluded_of(case(days(2)), measured=None, is_live=is_live) == excluded


def test_a_live_reading_without_a_time_is_late_by_its_receipt():
    lock = {"claim_locked_at": "2026-04-05T12:00:00-04:00"}
    assert excluded_of(case(days(2), facts=lock), measured=None) == {}
    assert excluded_of(case(days(2), facts=lock), measured=None, is_live=False) == {
        "CLOCK_FAULT": 1
    }


def test_a_live_reading_without_a_time_that_came_after_the_lock_of_its_period_is_late():
    lock = {"claim_locked_at": "2026-05-01T12:00:00-04:00"}
    made = case([event("2026-05-04"), *days(3)], facts=lock)
    assert excluded_of(made, measured=None) == {"LATE_AFTER_LOCK": 1}


def test_what_nobody_has_received_is_not_here_yet():
    made = case([*days(2), event("2026-04-20", received_at=None)])
    assert judged(made)["excluded_events"] == {"NOT_RECEIVED_YET": 1}


@pytest.mark.parametrize(("second", "excluded"), [("00", {}), ("01", {"NOT_RECEIVED_YET": 1})])
def test_what_is_received_at_the_instant_of_asking_is_here(second, excluded):
    last = event("2026-05-05") | {"received_at": f"2026-05-10T12:00:{second}-04:00"}
    assert judged(case([*days(2), last]))["excluded_events"] == excluded


def test_a_typed_value_in_physiologic_monitoring_is_a_manual_entry_however_self_report_is_read():
    made = case([*days(2), event("2026-04-20", mode="manual")])
    assert by_rules(made, {"self_report": "sensor"})["excluded_events"] == {"MANUAL_ENTRY_RPM": 1}


def test_with_no_order_no_consent_and_no_setup_the_days_still_show():
    nothing = {"order_date": None, "consent": None, "setup": None}
    assert judged(case(days(3), facts=nothing))["qualifying_days"] == 3


def test_a_month_in_the_patient_s_zone_ends_at_the_patient_s_midnight():
    asked = {"period": 1, "month": "2026-04"}
    late = entry(20, start="2026-05-01T00:30:00-04:00")  # 30 April at the practice
    practice = {"practice_timezone": "America/Los_Angeles"}
    made = case(days(3), facts=practice, management=[late], evaluate=asked)
    assert by_rules(made)["management_minutes"] == 20
    assert by_rules(made, {"month_zone": "patient"})["management_minutes"] == 0
    still = entry(20, start="2026-04-30T23:00:00-04:00")  # 1 May in UTC
    made = case(days(3), facts=practice, management=[still], evaluate=asked)
    assert by_rules(made, {"month_zone": "patient"})["management_minutes"] == 20


def test_minutes_before_consent_count_only_where_consent_is_read_otherwise():
    asked = {"period": 1, "month": "2026-04"}
    early = entry(20, start="2026-04-05T10:00:00-04:00")
    made = case(days(3), management=[early], evaluate=asked)
    assert by_rules(made)["management_minutes"] == 0
    assert by_rules(made, {"before_consent": "counted"})["management_minutes"] == 20
