import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend import tables
from backend.dating.judging import SIGHTINGS, judge_again
from tests.backend.office import DAY, HOUR, MINUTE, SECOND, START, Office, frame, naive


def judge_everything(office):
    """Judge every reading as if all of it were new; return how many judgements changed."""
    before = office.count(tables.judgement)
    with office.ledger.writing() as connection:
        readings = connection.scalars(select(tables.reading.c.id)).all()
        judge_again(connection, dict.fromkeys(readings, "test"), 0)
    return office.count(tables.judgement) - before


steps = st.lists(
    st.tuples(
        st.sampled_from(["measure", "again", "read", "set", "anchor", "blind", "sighted", "epoch"]),
        st.sampled_from([SECOND, MINUTE, HOUR, 9 * HOUR, 5 * DAY]),
        st.sampled_from([0, 0, 7 * SECOND, 13 * HOUR, -40 * DAY]),
    ),
    min_size=3,
    max_size=25,
)


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hubs=st.lists(steps, min_size=1, max_size=2), seed=st.randoms(use_true_random=False))
def test_in_whatever_order_facts_come_each_reading_is_judged_by_all_in_its_reach(
    tmp_path_factory, hubs, seed
):
    office = Office(tmp_path_factory.mktemp("office"))
    office.assign()
    messages = []
    for number, script in enumerate(hubs):
        hub = office.enroll(f"hub-{number}", boot=bytes([number] * 16)).begin(START)
        play(hub, script, messages)
    seed.shuffle(messages)
    for hub, items in messages:
        office.take(hub, *items)
    assert office.count(tables.parked) == 0
    assert judge_everything(office) == 0
    office.ledger.close()


def play(hub, script, messages):
    """One device, as one hub hears it; one message for each record."""
    at, frames = START, []
    hub.describe(at)
    messages.append((hub, [hub.key_record, hub.run()]))
    for step, after, error in script:
        at += after
        shown = naive(at + error)
        match step:
            case "measure":
                frames.append(frame(shown))
                hub.measure(at, frames[-1], live=after == SECOND)
            case "again" if frames:
                hub.measure(at, frames[0], live=False)
            case "read" | "set":
                hub.clock(at, shown, is_set=step == "set")
            case "anchor":
                hub.anchor(at)
            case "blind" | "sighted":
                hub.quality = 0 if step == "blind" else 6
                continue
            case "epoch":
                hub.begin(at)
                hub.describe(at)
            case _:
                continue
        last = hub.epoch.last_sequence
        messages.append((hub, [hub.key_record, hub.run(last, last)]))


def test_a_reading_that_is_sent_every_day_is_not_judged_by_ever_more_sightings(office):
    office.assign()
    hub = office.enroll().begin(START)
    hub.describe(START)
    for day in range(SIGHTINGS + 5):
        hub.measure(START + HOUR + day * DAY, frame(naive(START + HOUR)), live=False)
        hub.clock(START + HOUR + day * DAY, naive(START + HOUR + day * DAY))
    office.take_all(hub)
    assert office.count(tables.sighting) == SIGHTINGS + 5
    assert judge_everything(office) == 0
    assert office.calendar().qualifying_days == 0  # an hour after midnight UTC: in February there
    assert office.calendar().days[0].excluded == {"BEFORE_START": 1}


def test_what_another_hub_delivered_before_tells_two_offsets_apart(office):
    """The clock was set back by 13 hours, and shows half past eleven in the evening twice."""
    office.assign()
    day_2 = START + DAY
    hub, late_hub = (office.enroll(name).begin(START) for name in ("hub-1", "hub-2"))
    hub.describe(START)
    hub.clock(day_2 + 11 * HOUR, naive(day_2 + 11 * HOUR))
    hub.clock(day_2 + 12 * HOUR, naive(day_2 - HOUR), is_set=True)
    hub.clock(day_2 + DAY, naive(day_2 + DAY - 13 * HOUR))
    hub.measure(day_2 + DAY + SECOND, frame(naive(day_2 - HOUR // 2)), live=False)
    office.take_all(hub)
    assert [one.detail for one in office.calendar().held] == ["several-offsets"]

    late_hub.describe(START)
    late_hub.measure(day_2 + 11 * HOUR, frame(naive(day_2 + 10 * HOUR)), live=False)
    office.take_all(late_hub)
    assert office.calendar().held == []
    assert [day.readings for day in office.calendar().days] == [0, 2]
    assert office.causes() == ["sighting", "sighting", "delivery"]
    assert judge_everything(office) == 0


AHEAD = 30 * HOUR


def live_in_the_dark(office, *, jumped=AHEAD, settled=-4000 * DAY, later="read"):
    """A cuff's clock, read on the first day, in a boot that never knew the time, and on the fourth.

    A reading was taken in the dark; it is handed over on the fourth day. The hub, and its messages.
    """
    office.assign()
    hub = office.enroll(boot=bytes([1] * 16)).begin(START)
    hub.describe(START)
    hub.clock(START + 13 * HOUR, naive(START + 13 * HOUR))
    messages = [(hub.key_record, hub.run())]
    hub.boot, hub.quality = bytes([2] * 16), 0
    hub.begin_next(START + DAY)
    hub.describe(START + DAY)
    measured = START + DAY + 16 * HOUR
    hub.clock(measured - HOUR, naive(measured - HOUR + jumped))
    messages.append((hub.key_record, hub.run()))
    hub.boot, hub.quality = bytes([3] * 16), 5
    at = START + 3 * DAY + 15 * HOUR
    hub.begin_next(at)
    hub.describe(at)
    hub.clock(at + SECOND, naive(at + SECOND + settled), is_set=later == "set")
    hub.measure(at + MINUTE, frame(naive(measured + jumped)), live=False)
    messages.append((hub.key_record, hub.run()))
    return hub, messages


def dates(office):
    calendar = office.calendar()
    return [str(day.date) for day in calendar.days if day.readings], len(calendar.held)


def test_a_clock_that_jumped_twice_with_nobody_knowing_when_it_was_seen_places_no_reading(office):
    hub, messages = live_in_the_dark(office)
    for message in messages:
        office.take(hub, *message)
    assert dates(office) == ([], 1)
    assert judge_everything(office) == 0
    assert office.verify().problems == []


def test_where_the_clock_is_as_it_was_what_was_seen_in_the_dark_costs_no_reading(office):
    hub, messages = live_in_the_dark(office, jumped=0, settled=0)
    for message in messages:
        office.take(hub, *message)
    assert dates(office) == (["2026-03-02"], 0)


@given(st.permutations(range(3)), st.sampled_from(["read", "set"]))
def test_in_whatever_order_the_dark_is_told_of_it_counts_alike(tmp_path_factory, order, later):
    office = Office(tmp_path_factory.mktemp("office"))
    hub, messages = live_in_the_dark(office, later=later)
    for number in order:
        office.take(hub, *messages[number])
    assert judge_everything(office) == 0
    office.ledger.close()
