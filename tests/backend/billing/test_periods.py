from datetime import UTC, date, datetime, timedelta

import pytest

from backend.billing.periods import Periods
from backend.billing.zones import Zones, ZoneSince, find_zone, midnight
from tests.backend.billing.made import case, event, judged

NEW_YORK, LOS_ANGELES = find_zone("America/New_York"), find_zone("America/Los_Angeles")
HOME = ZoneSince(date(1900, 1, 1), NEW_YORK)


def moved(zone, since, home=NEW_YORK):
    return Zones((ZoneSince(date(1900, 1, 1), home), ZoneSince(since, zone)))


def test_periods_of_30_dates_follow_each_other():
    periods = Periods(date(2024, 2, 1), Zones((HOME,)))
    assert [periods.number(n)[1:3] for n in (1, 2)] == [
        (date(2024, 2, 1), date(2024, 3, 1)),
        (date(2024, 3, 2), date(2024, 3, 31)),
    ]


@pytest.mark.parametrize(("since", "hours"), [("2026-03-01", 719), ("2026-10-25", 721)])
def test_a_period_over_a_change_of_the_clock_has_an_hour_more_or_less(since, hours):
    period = Periods(date.fromisoformat(since), Zones((HOME,))).number(1)
    assert period.ends - period.begins == timedelta(hours=hours)


def test_a_period_keeps_its_zone_to_its_end():
    zones = moved(LOS_ANGELES, date(2026, 4, 20))
    first, second = (Periods(date(2026, 4, 6), zones).number(n) for n in (1, 2))
    assert (first.zone, second.zone) == (NEW_YORK, LOS_ANGELES)
    assert second.begins - first.ends == timedelta(hours=3)


@pytest.mark.parametrize(
    ("instant", "number", "day"),
    [
        ("2026-05-06T03:59:59+00:00", 1, "2026-05-05"),
        ("2026-05-06T04:00:00+00:00", None, None),
        ("2026-05-06T06:59:59+00:00", None, None),
        ("2026-05-06T07:00:00+00:00", 2, "2026-05-06"),
        ("2026-04-06T03:59:59+00:00", None, None),
    ],
)
def test_moving_west_leaves_a_seam(instant, number, day):
    periods = Periods(date(2026, 4, 6), moved(LOS_ANGELES, date(2026, 4, 20)))
    found = periods.holding(datetime.fromisoformat(instant))
    assert (found and (found[0].number, found[1].isoformat())) == (number and (number, day))


def test_moving_east_the_hours_that_both_claim_belong_to_the_earlier_period():
    zones = moved(NEW_YORK, date(2026, 4, 20), home=LOS_ANGELES)
    periods = Periods(date(2026, 4, 6), zones)
    both = datetime(2026, 5, 6, 5, tzinfo=UTC)  # 22:00 in the west, 01:00 in the east
    period, day = periods.holding(both)
    assert (period.number, day) == (1, date(2026, 5, 5))


def test_a_reading_in_the_seam_is_told_once():
    times = ("2026-04-06T08:00:00-04:00", "2026-05-05T22:00:00-07:00", "2026-05-06T08:00:00-07:00")
    events = [
        {
            "device_id": "cuff",
            "device_kind": "blood_pressure",
            "mode": "automatic",
            "timestamp": at,
            "received_at": at,
        }
        for at in times
    ]
    west = [{"from": "2026-04-20", "timezone": "America/Los_Angeles"}]
    made = case(events, timezone_history=west, as_of="2026-06-10T12:00:00-04:00")
    for number in (1, 2):
        found = judged(made | {"evaluate": {"period": number}})
        assert found["qualifying_days"] == 1
        assert found["excluded_events"] == {"BETWEEN_PERIODS": 1}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Havana", "2026-03-08"),  # its midnight does not exist
        ("Africa/Cairo", "2026-04-24"),
        ("America/Sao_Paulo", "2018-11-04"),
        ("Pacific/Apia", "2011-12-30"),  # a date that does not exist
        ("Atlantic/Azores", "2026-10-25"),
    ],
)
def test_a_date_begins_where_its_first_instant_is(zone, day):
    zone, day = find_zone(zone), date.fromisoformat(day)
    begins = midnight(day, zone)
    assert begins.astimezone(zone).date() >= day
    assert (begins - timedelta(seconds=1)).astimezone(zone).date() < day


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "America", "../etc", "a\0b", "x" * 300])
def test_what_is_no_zone_is_not_found(name):
    assert find_zone(name) is None


def test_the_first_zone_holds_for_the_time_before_as_well():
    west, east = find_zone("America/Los_Angeles"), find_zone("America/New_York")
    rows = (ZoneSince(date(2026, 4, 20), west), ZoneSince(date(2026, 5, 1), east))
    zones = Zones(rows)
    assert zones.on(date(2026, 1, 1)) is west
    assert zones.at(datetime(2026, 1, 1, tzinfo=UTC)) is west
    assert zones.at(midnight(date(2026, 5, 1), east)) is east
    assert zones.at(midnight(date(2026, 5, 1), east) - timedelta(seconds=1)) is west


def test_what_was_measured_in_the_seam_counts_in_neither_also_by_its_receipt():
    west = [{"from": "2026-04-20", "timezone": "America/Los_Angeles"}]
    seam = event("2026-05-06", hour=1) | {"received_at": "2026-05-08T12:00:00-04:00"}
    made = case([event("2026-04-06"), seam], timezone_history=west)
    assert judged(made, "count_by=received")["excluded_events"] == {"BETWEEN_PERIODS": 1}
