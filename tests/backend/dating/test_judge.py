from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from backend.dating.judge import (
    LIVE_DELAY_MS,
    Anchor,
    ClockFact,
    Delivered,
    Interval,
    Judgement,
    Method,
    Seen,
    local_date,
)
from backend.dating.judge import judge as judge_since

BOOT = bytes(16)
OTHER_BOOT = bytes([1]) * 16
NEW_YORK = ZoneInfo("America/New_York")
BOOTED = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


ENROLLED = BOOTED


def judge(sightings, facts, anchors, delivered=()):
    return judge_since(sightings, facts, anchors, ENROLLED, delivered)


def utc(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def naive(ms):
    return datetime.fromtimestamp(ms // 1000, UTC).replace(tzinfo=None)


def seen(at, device_time=None, origin=0, quality=5, boot=BOOT):
    return Seen(boot, at - BOOTED, at if quality else 0, quality, device_time, origin)


def fact(at, device_time, *, is_set=False, took=100, quality=5, boot=BOOT):
    since = at - BOOTED
    return ClockFact(boot, since, at if quality else 0, quality, device_time, since - took, is_set)


def test_a_right_clock_gives_the_device_time_within_seconds():
    measured = utc(2026, 3, 3, 13, 0, 20)
    judged = judge(
        [seen(measured + MINUTE, naive(measured - 5 * HOUR))],
        [fact(measured + MINUTE - 500, naive(measured + MINUTE - 500 - 5 * HOUR))],
        [],
    )
    assert judged.method is Method.DEVICE_CORRECTED
    (interval,) = judged.candidates
    assert interval.from_ms <= measured <= interval.to_ms
    assert interval.to_ms - interval.from_ms < 5_000
    assert local_date(judged, NEW_YORK) == date(2026, 3, 3)


def test_a_clock_nine_years_behind_is_corrected_by_the_read_before_it_was_set():
    yesterday = utc(2026, 3, 2, 13)
    measured = utc(2026, 3, 3, 13)
    behind = timedelta(days=3333)
    session = measured + 20_000
    facts = [
        fact(yesterday, naive(yesterday)),
        fact(yesterday + 500, naive(yesterday + 500), is_set=True),
        fact(session, naive(session) - behind),
        fact(session + 500, naive(session + 500), is_set=True),
    ]
    judged = judge([seen(session + 1000, naive(measured) - behind)], facts, [])
    assert judged.method is Method.DEVICE_CORRECTED
    assert [i.from_ms <= measured <= i.to_ms for i in judged.candidates] == [True]


def test_a_reading_left_over_from_before_the_clock_was_set_is_judged_by_the_old_offset():
    measured = utc(2026, 3, 2, 13)
    first = measured + 30_000
    ahead = timedelta(hours=26)
    facts = [
        fact(first, naive(first) + ahead),
        fact(first + 500, naive(first), is_set=True),
        fact(first + DAY, naive(first + DAY)),
    ]
    judged = judge([seen(first + DAY + 1000, naive(measured) + ahead)], facts, [])
    assert local_date(judged, NEW_YORK) == date(2026, 3, 2)


def test_where_the_clock_jumped_unseen_and_the_dates_differ_the_reading_is_of_no_day():
    before, after = utc(2026, 3, 2, 13), utc(2026, 3, 6, 13)
    # Somebody set the clock back by two days between the sessions; the reading may be of either.
    facts = [fact(before, naive(before)), fact(after, naive(after - 2 * DAY))]
    judged = judge([seen(after, naive(utc(2026, 3, 3, 12)))], facts, [])
    assert len(judged.candidates) == 2
    assert local_date(judged, NEW_YORK) is None


def test_where_the_clock_jumped_unseen_within_one_day_the_day_stands():
    before, after = utc(2026, 3, 2, 13), utc(2026, 3, 6, 13)
    facts = [fact(before, naive(before)), fact(after, naive(after - HOUR))]
    judged = judge([seen(after, naive(utc(2026, 3, 3, 16)))], facts, [])
    assert len(judged.candidates) == 2
    assert local_date(judged, NEW_YORK) == date(2026, 3, 3)


def test_an_old_reading_of_a_right_clock_stays_in_its_own_year():
    session = utc(2026, 3, 3, 13)
    judged = judge(
        [seen(session, naive(utc(2017, 1, 16, 12)))], [fact(session, naive(session))], []
    )
    assert [datetime.fromtimestamp(c.to_ms / 1000, UTC).year for c in judged.candidates] == [2017]


def test_a_battery_that_was_changed_twice_costs_no_day():
    default = datetime(2016, 1, 1)  # noqa: DTZ001  device times have no zone
    minute = timedelta(minutes=1)
    facts = [fact(utc(2026, 3, 2, 12), naive(utc(2026, 3, 2, 12)))]
    for changed in (utc(2026, 3, 4, 13), utc(2026, 3, 16, 13)):
        session = changed + 11 * MINUTE
        facts.append(fact(session, default + 11 * minute))
        facts.append(fact(session + 500, naive(session), is_set=True))
    second = seen(utc(2026, 3, 16, 13, 12), default + 10 * minute)
    of_the_first = Delivered(default + 10.5 * minute, utc(2026, 3, 4, 13, 12))

    assert local_date(judge([second], facts, []), NEW_YORK) is None
    judged = judge([second], facts, [], [of_the_first])
    assert local_date(judged, NEW_YORK) == date(2026, 3, 16)


def test_a_device_time_that_fits_no_stretch_is_held():
    session = utc(2026, 3, 3, 13)
    judged = judge(
        [seen(session, datetime(2037, 1, 1))],  # noqa: DTZ001  device times have no zone
        [fact(session - 500, naive(session))],
        [],
    )
    assert judged == Judgement(Method.HELD, (), "device-clock-fault")


def test_a_device_whose_clock_nobody_read_is_held_unless_live():
    at = utc(2026, 3, 3, 13)
    assert judge([seen(at, naive(at))], [], []).reason == "device-clock-unknown"
    live = judge([seen(at, naive(at - 3 * HOUR), origin=1)], [], [])
    assert live.method is Method.DEVICE_CORRECTED
    assert live.candidates[0].from_ms <= at <= live.candidates[0].to_ms


def test_a_clockless_live_reading_is_of_the_time_it_was_received():
    at = utc(2026, 3, 3, 13)
    judged = judge([seen(at, origin=1)], [], [])
    assert judged == Judgement(Method.RECEIVED, (Interval(at - 32 - LIVE_DELAY_MS, at + 32),))


def test_a_clockless_reading_that_may_be_stored_is_held():
    assert judge([seen(utc(2026, 3, 3, 13))], [], []).reason == "no-device-time"


def test_an_unsynchronised_hub_is_placed_by_a_later_anchor_of_the_same_boot():
    at = utc(2026, 3, 3, 13)
    later = Anchor(BOOT, at + HOUR - BOOTED, at + HOUR, 6)
    foreign = Anchor(OTHER_BOOT, 0, at, 6)
    unsure = Anchor(BOOT, at - BOOTED, utc(1970, 1, 1), 0)
    reading = [seen(at, origin=1, quality=0)]
    assert judge(reading, [], [foreign, unsure]).reason == "hub-clock-unknown"
    (interval,) = judge(reading, [], [foreign, unsure, later]).candidates
    assert interval.from_ms <= at <= interval.to_ms


def test_a_reading_that_may_lie_on_either_side_of_midnight_is_of_no_day():
    midnight = int(datetime(2026, 3, 8, tzinfo=NEW_YORK).timestamp() * 1000)
    live = judge([seen(midnight + MINUTE, origin=1)], [], [])
    assert local_date(live, NEW_YORK) is None
    assert local_date(live, ZoneInfo("America/Chicago")) == date(2026, 3, 7)


def test_days_of_23_and_25_hours_end_at_local_midnight():
    for day in (date(2026, 3, 8), date(2026, 11, 1)):
        start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
        end = datetime(day.year, day.month, day.day + 1, tzinfo=NEW_YORK)
        whole = Interval(int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1)
        for instant in whole:
            judged = Judgement(Method.RECEIVED, (Interval(instant, instant),))
            assert local_date(judged, NEW_YORK) == day


def test_what_lies_beyond_the_calendar_is_of_no_day():
    for instant in (utc(9999, 12, 31, 23), 10**17, -(10**17)):
        judged = Judgement(Method.DEVICE_CORRECTED, (Interval(instant, instant),))
        assert local_date(judged, ZoneInfo("Pacific/Kiritimati")) is None


def test_a_repeat_changes_nothing():
    measured = utc(2026, 3, 2, 13)
    facts = [fact(measured + MINUTE, naive(measured + MINUTE))]
    first = seen(measured + MINUTE, naive(measured))
    again = seen(measured + 5 * DAY, naive(measured))
    assert judge([first], facts, []) == judge([first, again], facts, [])


@st.composite
def lives_of_a_device(draw):
    """True instants of measuring, and what the clocks said: drift, sets, resets, lost sessions.

    It begins with the set-up visit, and between two contacts the clock jumps once at the most: what
    befell it before the first, or twice between two, nobody can know (docs/time.md).
    """
    drift_ppm = draw(st.integers(-150, 150))
    epoch = utc(2026, 3, 2)
    zero, value = epoch, epoch + draw(st.integers(-4000 * DAY, 2000 * DAY))
    pending, facts, readings, now = [], [], [], epoch

    def shows(at):
        return value + (at - zero) + (at - zero) * drift_ppm // 1_000_000

    facts.append(fact(now, naive(shows(now))))
    jumped = False
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.integers(10_000, 3 * DAY))
        match draw(st.sampled_from(["measure", "measure", "session", "session", "reset"])):
            case "measure":
                pending.append((now, naive(shows(now))))
            case "reset" if not jumped:
                jumped = True
                zero, value = now, epoch + draw(st.integers(-4000 * DAY, 2000 * DAY))
            case "session":
                jumped = False
                facts.append(fact(now, naive(shows(now - draw(st.integers(0, 100))))))
                if draw(st.booleans()):
                    zero, value = now + 400, naive(now).replace(tzinfo=UTC).timestamp() * 1000
                    value = int(value)
                    facts.append(fact(now + 450, naive(now), is_set=True))
                delivered = pending if draw(st.booleans()) else pending[:1]
                readings += [(true, seen(now + 1000, time)) for true, time in delivered]
                pending = pending[len(delivered) :]
    return facts, readings


@given(lives_of_a_device())
def test_whatever_happened_to_the_clock_a_judged_reading_was_measured_in_a_candidate(life):
    facts, readings = life
    delivered = [Delivered(s.device_time, s.utc_ms) for _, s in readings]
    for true, sighting in readings:
        judged = judge([sighting], facts, [], delivered)
        if judged.method is not Method.HELD:
            assert any(i.from_ms <= true <= i.to_ms for i in judged.candidates)


@given(lives_of_a_device(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(life, random):
    facts, readings = life
    shuffled = random.sample(facts, len(facts))
    for _, sighting in readings:
        assert judge([sighting], facts, []) == judge([sighting], shuffled, [])
