"""What the histories by chance have found in the rules, each as small as it came."""

from datetime import date

import pytest

from tests.backend.billing.made import case, codes, days, entry, event, judged
from tests.backend.billing.naive.compare import by_rules

LOCK = {"claim_locked_at": "2026-05-07T12:00:00-04:00"}
BY_RECEIPT = {"received_at": "2026-05-09T12:00:00-04:00"}


def test_a_live_reading_of_a_faulty_clock_is_late_by_the_day_it_came():
    lost = event("2026-05-20", clock="unset") | {"timestamp": "2000-01-01T00:00:00-05:00"}
    assert (
        judged(case([*days(3), lost], facts=LOCK, as_of="2026-05-21T12:00:00-04:00"))[
            "excluded_events"
        ]
        == {}
    )


def test_a_live_reading_that_tells_no_time_adds_no_day_to_a_locked_period():
    timeless = {**event("2026-05-04", hour=9), "timestamp": None}
    lock = {"claim_locked_at": "2026-05-01T12:00:00-04:00"}
    found = judged(case([*days(3), timeless], facts=lock))
    assert (found["qualifying_days"], found["excluded_events"]) == (3, {"LATE_AFTER_LOCK": 1})


def test_where_the_day_of_receipt_counts_a_lock_shuts_what_is_received_in_its_period():
    late = event("2026-04-20", delivery="stored") | BY_RECEIPT
    found = judged(case([*days(3), late], facts=LOCK), "count_by=received")
    assert found["excluded_events"] == {}


def test_a_lock_shuts_its_period_as_far_as_the_period_s_own_zone_goes():
    # 23:30 of the last date in New York is 06:30 in London, where the patient has moved to.
    late = event("2026-05-05", hour=23, delivery="stored") | BY_RECEIPT
    moved = [{"from": "2026-04-20", "timezone": "Europe/London"}]
    found = judged(case([*days(3), late], facts=LOCK, timezone_history=moved))
    assert (found["qualifying_days"], found["excluded_events"]) == (3, {"LATE_AFTER_LOCK": 1})


def test_who_moves_west_on_day_1_has_no_seam_before_it():
    moved = [{"from": "2026-04-06", "timezone": "America/Los_Angeles"}]
    found = judged(case([event("2026-04-06", hour=0)], timezone_history=moved))
    assert (found["period_start"], found["qualifying_days"]) == ("2026-04-06", 1)


def test_consent_is_in_force_from_the_patient_s_midnight_on():
    spent = entry(25, start="2026-04-15T01:00:00-04:00")
    given = {"consent": {"date": "2026-04-15"}, "practice_timezone": "Pacific/Honolulu"}
    made = case(days(20), facts=given, management=[spent])
    asked = {"evaluate": {"period": 1, "month": "2026-04"}}
    assert judged(made | asked)["management_minutes"] == 25


@pytest.mark.parametrize(("revoked", "reason"), [("2026-05-01", 1), ("2026-04-20", "MINUTES")])
def test_99091_ends_with_consent(revoked, reason):
    own = entry(30, start="2026-04-20T10:00:00-04:00", performer="QHP", purpose="99091")
    facts = {"consent": {"date": "2026-04-06", "revoked": revoked}}
    found = codes(case(days(5), facts=facts, management=[own]))["99091"]
    assert found == (1 if reason == 1 else "MINUTES_BELOW_30")


def test_99091_conflicts_with_every_month_that_its_period_touches():
    facts = dict.fromkeys(("order_date",), "2026-01-31") | {
        "consent": {"date": "2026-01-31"},
        "setup": {"date": "2026-01-31", "education_done": True},
    }
    own = entry(30, start="2026-02-10T10:00:00-05:00", performer="QHP", purpose="99091")
    talk = entry(20, start="2026-02-12T10:00:00-05:00")
    made = case(days(5, since=date(2026, 1, 31)), facts=facts, management=[own, talk])
    assert judged(made)["period_end"] == "2026-03-01"
    assert codes(made)["99091"] == "CONFLICT_99457"


def test_readings_before_consent_are_no_readings_of_an_earlier_episode():
    made = case(days(5), facts={"episode_start": "2026-04-08"})
    assert by_rules(made, {"before_consent": "counted"})["qualifying_days"] == 3


@pytest.mark.parametrize(
    ("minutes", "modality", "expected"),
    [
        (0, "phone", 1),
        (15, "phone", 1),  # what earns 99470 is no conflict
        (19, "phone", 1),
        (20, "phone", "CONFLICT_99457"),
        (20, "text", 1),
        (45, "chart_review", 1),
    ],
)
def test_99091_conflicts_with_20_minutes_and_live_talk_and_nothing_less(
    minutes, modality, expected
):
    own = entry(30, start="2026-04-20T10:00:00-04:00", performer="QHP", purpose="99091")
    spent = entry(minutes, start="2026-04-12T10:00:00-04:00", modality=modality)
    assert codes(case(days(5), management=[own, spent]))["99091"] == expected
