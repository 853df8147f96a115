from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend import tables
from backend.billing.facts import Question
from backend.billing.policy import CHOICES, DEFAULT, Policy
from backend.billing.verdict import judge_every_way
from backend.errors import EpisodeUnknown, PatientUnknown
from backend.facts.rule_rows import load_rule_sets
from backend.patients.examine import Asked, examine, judge_patient, load_facts
from tests.backend.costs import Cost
from tests.backend.office import (
    DAY,
    HOUR,
    MINUTE,
    PATIENT,
    START,
    Office,
    failed_frame,
    frame,
    ledger_at,
    naive,
    utc,
)
from tests.backend.stating import CUFF_NAME, call, papers, state, told

NOON = 17 * HOUR  # in New York, by UTC
MARCH = date(2026, 3, 1)
LATER = START + 60 * DAY
MAY = datetime(2026, 5, 20, tzinfo=UTC)


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    office.now_ms = START
    yield office
    office.ledger.close()


@pytest.fixture
def hub(office):
    office.assign()
    state(office, *papers())
    office.now_ms = LATER
    return office.enroll().begin(START)


def measure_daily(hub, first, days):
    """A reading a day at noon, live."""
    hub.describe(START + first * DAY)
    for n in range(first, first + days):
        at_ms = START + n * DAY + NOON
        hub.measure(at_ms, frame(naive(at_ms)))


def verdict(office, period=None, month=None, policy=DEFAULT, as_of=MAY, **options):
    with office.ledger.reading() as connection:
        return judge_patient(connection, PATIENT, period, month, policy, as_of=as_of, **options)


def facts(office, **options):
    with office.ledger.reading() as connection:
        return load_facts(connection, PATIENT, **options)


def codes(found):
    return {one.code: one.reason or one.units for one in found.codes}


def reasons(found):
    return sorted(str(why) for _, why in found.excluded)


def test_a_patient_of_the_ledger_is_judged_by_the_rules(office, hub):
    measure_daily(hub, 0, 45)
    office.take_all(hub)
    state(office, call("2026-03-10T10:00:00-05:00", "2026-03-10T10:25:00-05:00"))
    found = verdict(office, 1, MARCH)
    assert codes(found) == {
        "99453": 1,
        "99445": "USE_16_30_CODE",
        "99454": 1,
        "99470": "USE_20_MIN_CODE",
        "99457": 1,
        "99458": "MINUTES_BELOW_40",
    }
    assert (found.period.first, len(found.days), found.management_minutes) == (MARCH, 30, 25)
    assert {one.number for one in found.counted} == {1}


def test_every_reason_of_the_ledger_keeps_its_name_before_the_rules(office):
    office.assign(since=date(2026, 3, 2))
    state(office, *papers())
    hub = office.enroll().begin(START)
    hub.describe(START)
    noon = START + NOON
    hub.measure(noon, frame(naive(noon)))
    hub.measure(noon + DAY, failed_frame(naive(noon + DAY)))
    midnight = utc(2026, 3, 4, 5)
    hub.measure(midnight + 30_000, frame())
    office.now_ms = noon + 6 * DAY
    hub.measure(noon + 20 * DAY, frame(naive(noon + 20 * DAY)))
    office.take_all(hub)
    found = verdict(office)
    calendar = office.calendar()
    shown = [reason for day in calendar.days for reason in day.excluded.elements()]
    assert sorted(shown) == [
        "BEFORE_START",
        "FUTURE_TIMESTAMP",
        "INVALID_READING",
        "STRADDLES_MIDNIGHT",
    ]
    assert reasons(found) == [
        "FUTURE_TIMESTAMP",
        "INVALID_READING",
        "NOT_ASSIGNED",
        "STRADDLES_MIDNIGHT",
    ]


def test_what_no_clock_dates_is_a_clock_fault(office, hub):
    hub.describe(START)
    hub.measure(START + NOON, frame(naive(START + NOON)), live=False)
    office.take_all(hub)
    assert reasons(verdict(office)) == ["CLOCK_FAULT"]
    assert office.calendar().held[0].reason == "CLOCK_FAULT"


def test_a_reading_that_is_sent_again_is_one_reading(office, hub):
    measure_daily(hub, 0, 3)
    office.take_all(hub)
    other = office.enroll("hub-2").begin(START)
    other.describe(START)
    measure_daily(other, 0, 3)
    office.take_all(other)
    assert len(facts(office).readings) == 3
    assert reasons(verdict(office)) == []


def test_a_slot_that_nobody_has_is_nobodys_reading(office):
    office.assign(slot=1)
    office.assign("patient-2", slot=2)
    state(office, *papers())
    hub = office.enroll().begin(START)
    office.now_ms = LATER
    measure_daily(hub, 0, 2)
    office.take_all(hub)
    assert reasons(verdict(office)) == ["UNATTRIBUTED", "UNATTRIBUTED"]


def test_a_cuff_that_was_handed_on_shows_each_patient_the_own_readings_alone(office, hub):
    measure_daily(hub, 0, 10)
    office.take_all(hub)
    office.assign("patient-2", since=date(2026, 3, 6), reassign=True)
    assert sorted(reading.measured[0].day for reading in facts(office).readings) == [1, 2, 3, 4, 5]


def test_a_device_without_evidence_does_not_qualify_and_dates_narrow_its_enrolment(office):
    office.assign()
    *others, _ = papers()
    state(office, *others)
    hub = office.enroll().begin(START)
    office.now_ms = LATER
    measure_daily(hub, 0, 3)
    office.take_all(hub)
    assert set(reasons(verdict(office))) == {"DEVICE_NOT_QUALIFIED"}
    basis = {"device": CUFF_NAME, "kind_": "blood_pressure", "udi": "(01)00000000000000"}
    state(office, told("device", since="2026-03-02", until="2026-03-02", **basis))
    found = verdict(office, 1)
    assert found.days == (date(2026, 3, 2),)
    assert reasons(found) == ["NOT_ASSIGNED", "NOT_ASSIGNED"]


def test_what_was_typed_is_manual_for_ever(office):
    office.assign()
    app = told("device", device="diary", kind_="pain_app", listing="D000000")
    state(office, *papers(program="RTM", category="msk"), app)
    office.now_ms = LATER
    entry = {"device": "diary", "kind_": "pain_app"}
    state(office, *(told("entry", at=f"2026-03-0{n}T09:00:00-05:00", **entry) for n in (2, 3)))
    found = verdict(office, 1)
    assert [one.reading.is_manual for one in found.counted] == [True, True]
    assert [flag.switch for flag in found.flags if flag.switch == "self_report"] == ["self_report"]
    with pytest.raises(Exception, match="mode"):
        state(office, told("entry", at="2026-03-04T09:00:00-05:00", mode="automatic", **entry))


def test_what_came_after_a_lock_is_late(office, hub):
    measure_daily(hub, 0, 20)
    office.now_ms = START + 40 * DAY
    office.take(hub, hub.key_record, hub.run(1, 16))
    state(office, told("lock", period=1, at="2026-04-11T00:00:00Z"))
    office.now_ms = START + 42 * DAY
    office.take(hub, hub.run(17))
    found = verdict(office, 1)
    assert len(found.days) == 15
    assert reasons(found) == ["LATE_AFTER_LOCK"] * 5


def test_a_verdict_tells_what_was_known_then(office, hub):
    measure_daily(hub, 0, 20)
    office.now_ms = START + 30 * DAY
    office.take(hub, hub.key_record, hub.run(1, 11))
    then = datetime.fromtimestamp(office.now_ms / 1000, UTC)
    before = verdict(office, 1, MARCH, as_of=then)
    office.now_ms += DAY
    office.take(hub, hub.run(12))
    state(office, told("stay", since="2026-03-02", until="2026-03-09"))
    assert verdict(office, 1, MARCH, as_of=then) == before
    assert len(before.days) == 10
    assert len(verdict(office, 1, MARCH).days) == 14


def test_an_episode_that_has_ended_keeps_its_own_readings_and_papers(office):
    office.assign()
    first, *rest = papers()
    state(office, first | {"body": first["body"] | {"end": "2026-03-10"}}, *rest)
    later = [line for line in papers("2026-03-20") if line["kind"] not in {"device", "payer"}]
    state(office, *later)
    hub = office.enroll().begin(START)
    office.now_ms = LATER
    measure_daily(hub, 0, 40)
    office.take_all(hub)
    assert [day.day for day in verdict(office, 1, episode=1).days] == list(range(1, 11))
    found = verdict(office, 1)
    assert found.period.first == date(2026, 3, 20)
    assert reasons(found) == ["BEFORE_START"] * 9


def test_a_stated_zone_holds_like_an_enrolled_one(office, hub):
    measure_daily(hub, 0, 3)
    office.take_all(hub)
    move = told("patient", zone="Asia/Tokyo", since="2026-03-02")
    entered = state(office, move)
    assert office.calendar().zone == "Asia/Tokyo"
    state(office, told("withdrawal", replaces=entered.added[0], cause="another patient's"))
    assert office.calendar().zone == "America/New_York"


def test_nobody_and_no_episode_are_one_clear_error_each(office):
    with pytest.raises(PatientUnknown):
        verdict(office)
    office.assign()
    with pytest.raises(EpisodeUnknown):
        verdict(office)
    state(office, *papers())
    with pytest.raises(EpisodeUnknown):
        verdict(office, episode=2)


def test_a_present_period_and_its_month_are_found(office, hub):
    measure_daily(hub, 0, 59)
    office.take_all(hub)
    with office.ledger.reading() as connection:
        asked = Asked(PATIENT, is_month_latest=True)
        as_of = datetime(2026, 5, 2, tzinfo=UTC)
        found = examine(connection, asked, as_of=as_of).verdict
    assert (found.period.number, found.month.first) == (3, date(2026, 5, 1))


def live_for(office, hub, days, *, first=0):
    for begun in range(first, first + days, 10):
        hub.begin(START + begun * DAY)
        measure_daily(hub, begun, 10)
        office.now_ms = START + (begun + 10) * DAY
        office.take_all(hub)
        calls = (naive(START + n * DAY).date() for n in range(begun, begun + 10))
        state(office, *(call(f"{day}T10:00:00Z", f"{day}T10:05:00Z") for day in calls))


def cost_of(office):
    cost = Cost(office)
    as_of = datetime.fromtimestamp(office.now_ms / 1000, UTC)
    with cost.spending() as spent:
        verdict(office, None, as_of.date(), as_of=as_of)
    return spent


def test_a_verdict_costs_the_same_after_a_season_and_after_two_years(office, hub):
    live_for(office, hub, 80)
    early = cost_of(office)
    live_for(office, hub, 640, first=80)
    late = cost_of(office)
    assert late[0] <= early[0]
    assert late[1] <= early[1] * 1.1


HABITS = st.lists(
    st.tuples(
        st.integers(0, 130),
        st.sampled_from((9, 17, 23, 28)),
        st.sampled_from(("live", "failed", "stored", "clockless")),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=60,
)
EXTRAS = st.lists(
    st.sampled_from(
        (
            told("stay", since="2026-03-10", until="2026-03-20"),
            told("lock", period=1, at="2026-04-10T00:00:00Z"),
            told("revocation", on="2026-05-10"),
            told("patient", zone="America/Los_Angeles", since="2026-03-25"),
            told("patient", zone="Europe/Paris", since="2026-05-02"),
            told("device", device=CUFF_NAME, kind_="blood_pressure", listing="D1", cleared=False),
            told("consent", on="2026-03-20", method="written"),
            told("other-program", program="RTM", since="2026-04-01"),
        )
    ),
    unique_by=str,
)
POLICIES = st.builds(
    lambda name, n: Policy(**{name: CHOICES[name][n % len(CHOICES[name])]}),
    st.sampled_from(("day", "anchor", "count_by", "span")),
    st.integers(0, 2),
)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(habits=HABITS, extras=EXTRAS, policy=POLICIES, period=st.integers(1, 5))
def test_the_window_of_a_verdict_leaves_nothing_out(
    tmp_path_factory, habits, extras, policy, period
):
    office = Office(tmp_path_factory.mktemp("office"))
    office.assign()
    state(office, *papers(), *extras)
    hub = office.enroll().begin(START)
    hub.describe(START)
    for day, hour, how, delay in sorted(habits, key=lambda one: one[0] + one[3]):
        at_ms = START + day * DAY + hour * HOUR
        heard = at_ms + delay * DAY * (how == "stored")
        data = failed_frame(naive(at_ms)) if how == "failed" else frame(naive(at_ms))
        if how == "stored":
            hub.clock(heard - MINUTE, naive(heard - MINUTE))
        hub.measure(heard, frame() if how == "clockless" else data, live=how != "stored")
    for first in range(0, len(hub.sealed), 20):
        office.now_ms = START + (first + 20) * 2 * DAY
        office.take(hub, hub.key_record, hub.run(first + 1, first + 20))
    as_of = datetime.fromtimestamp(START / 1000 + 140 * 86_400, UTC)
    with office.ledger.reading() as connection:
        month = date(2026, 4, 1)
        found = judge_patient(connection, PATIENT, period, month, policy, as_of=as_of)
        whole = load_facts(connection, PATIENT, as_of=as_of)
        question = Question(period=period, month=month, as_of=as_of)
        expected = judge_every_way(whole, question, policy, load_rule_sets(connection))
    office.ledger.close()
    counted = tuple(one for one in expected.counted if one.number == period)
    same = ("period", "days", "codes", "flags", "management_minutes", "rule_sets")
    assert found.counted == counted
    assert [getattr(found, name) for name in same] == [getattr(expected, name) for name in same]
    assert set(found.excluded) <= set(expected.excluded)


def test_a_ledger_from_before_facts_gets_their_tables_and_finds_its_readings(office, hub):
    measure_daily(hub, 0, 20)
    office.take_all(hub)
    expected = verdict(office, 1)
    lines = papers()
    later = (tables.rule_signature, tables.rule_set, tables.fact, tables.measured)
    with office.ledger.writing() as connection:
        for table in later:
            table.drop(connection)
    office.ledger.close()
    office.ledger = ledger_at(office.path)
    office.now_ms = START
    state(office, *lines)
    assert verdict(office, 1) == expected
    assert office.verify().problems == []
