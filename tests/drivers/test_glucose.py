from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.conformance_golden import load_cases
from drivers.device_clock import encode
from drivers.errors import LinkError, LinkLost, UnexpectedReply
from drivers.glucose import Glucose
from drivers.glucose_clock import CONTOUR
from drivers.glucose_memory import Place
from drivers.record_access import RequestRefused
from drivers.replay import replay
from drivers.spi import (
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceEvent,
    DeviceInformation,
    Reading,
    Undecodable,
)
from tests.fakes.glucose_meter import GlucoseMeter
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    Reads,
    ScriptedLink,
    Silence,
    Subscribes,
    Writes,
)

NOON = datetime.fromisoformat("2026-03-08T12:00")
SUBSCRIBES = Subscribes("2A18", "2A34", "2A52")
COUNT = Writes("2A52", bytes.fromhex("0401"))
ALL = Writes("2A52", bytes.fromhex("0101"))
DONE = Indicates("2A52", bytes.fromhex("06000101"))
NOTHING = Indicates("2A52", bytes.fromhex("06000106"))


def counts(number):
    return Indicates("2A52", b"\5\0" + number.to_bytes(2, "little"))


def refuses(request, outcome):
    return Indicates("2A52", bytes((6, 0, request, outcome)))


def asks_from(number):
    return Writes("2A52", bytes.fromhex("010301") + number.to_bytes(2, "little"))


def record(number, minute=None, flags=2):
    at = NOON + timedelta(minutes=number if minute is None else minute)
    return bytes((flags,)) + number.to_bytes(2, "little") + encode("2A08", at) + b"\x64\xb0\x11"


def context(number, meal=1):
    return b"\2" + number.to_bytes(2, "little") + bytes((meal,))


def sends(*numbers):
    return [step for n in numbers for step in (Indicates("2A18", record(n)), Commits(Reading))]


def bookmark(number, total, minute=None):
    frame = record(number, minute)
    return Place(number, Place.mark_of(frame), total).bookmark().value


async def play(*script, **about):
    return await ScriptedLink(SUBSCRIBES, *script, **about).play(Glucose())


def numbers(items):
    return [item.record_number for item in items if isinstance(item, Reading)]


async def test_on_first_contact_all_records_are_fetched_and_counted():
    script = [COUNT, counts(3), ALL, *sends(5, 6, 7), DONE, Commits(Bookmark)]
    items = await play(*script)
    assert (numbers(items), items[-1].value) == ([5, 6, 7], bookmark(7, 3))


async def test_later_the_last_record_and_what_is_newer_are_fetched():
    script = [COUNT, counts(5), asks_from(7), *sends(7, 8, 9), DONE, Commits(Bookmark)]
    items = await play(*script, bookmark=bookmark(7, 3))
    assert items[-1].value == bookmark(9, 5)


async def test_where_nothing_is_new_the_bookmark_stays():
    script = [COUNT, counts(3), asks_from(7), *sends(7), DONE]
    assert numbers(await play(*script, bookmark=bookmark(7, 3))) == [7]


async def test_a_full_memory_that_drops_its_oldest_goes_on_from_the_bookmark():
    script = [COUNT, counts(3), asks_from(7), *sends(7, 8, 9), DONE, Commits(Bookmark)]
    assert (await play(*script, bookmark=bookmark(7, 3)))[-1].value == bookmark(9, 3)


async def test_an_empty_memory_is_asked_for_nothing_more_and_keeps_its_bookmark():
    assert await play(COUNT, counts(0), bookmark=bookmark(7, 3)) == []


async def test_a_memory_with_fewer_records_than_before_is_fetched_whole():
    script = [COUNT, counts(2), ALL, *sends(0, 1), DONE, Commits(Bookmark)]
    assert (await play(*script, bookmark=bookmark(7, 3)))[-1].value == bookmark(1, 2)


async def test_a_bookmark_whose_record_is_gone_means_that_all_is_fetched():
    script = [COUNT, counts(3), asks_from(7), NOTHING, ALL, *sends(0, 1, 2), DONE]
    items = await play(*script, Commits(Bookmark), bookmark=bookmark(7, 3))
    assert items[-1].value == bookmark(2, 3)


async def test_a_number_that_means_another_record_now_means_that_all_is_fetched():
    script = [COUNT, counts(9), asks_from(7), *sends(7, 8), DONE]
    script += [ALL, *sends(0, 1, 2, 3, 4, 5, 6, 7, 8), DONE, Commits(Bookmark)]
    items = await play(*script, bookmark=bookmark(7, 8, minute=500))
    assert items[-1].value == bookmark(8, 9)


async def test_more_records_than_came_mean_lower_numbers_and_all_is_fetched():
    script = [COUNT, counts(5), asks_from(7), *sends(7), DONE]
    script += [ALL, *sends(5, 6, 7, 0, 1), DONE, Commits(Bookmark)]
    assert len(numbers(await play(*script, bookmark=bookmark(7, 3)))) == 6


async def test_numbers_that_begin_again_at_0_are_the_newer_ones():
    script = [COUNT, counts(4), ALL, *sends(65534, 65535, 0, 1), DONE, Commits(Bookmark)]
    items = await play(*script, bookmark=bookmark(65533, 3))
    assert items[-1].value == bookmark(1, 4)


async def test_a_meter_that_sends_fewer_records_than_it_counts_leaves_no_bookmark():
    with pytest.raises(UnexpectedReply):
        await play(COUNT, counts(4), ALL, *sends(5, 6, 7), DONE)


@pytest.mark.parametrize("outcome", [2, 3, 4, 5, 9])
async def test_a_meter_that_can_neither_count_nor_choose_reports_all(outcome):
    script = [COUNT, refuses(4, outcome), asks_from(7), refuses(1, outcome)]
    script += [ALL, *sends(6, 7, 8), DONE, Commits(Bookmark)]
    assert (await play(*script, bookmark=bookmark(7, 2)))[-1].value == bookmark(8, 3)


async def test_a_meter_that_does_not_count_is_believed():
    script = [COUNT, refuses(4, 2), asks_from(7), *sends(7, 8), DONE, Commits(Bookmark)]
    assert (await play(*script, bookmark=bookmark(7, None)))[-1].value == bookmark(8, None)


@pytest.mark.parametrize("outcome", [7, 8, 10])
@pytest.mark.parametrize("request_", [4, 1])
async def test_a_meter_that_does_not_carry_out_a_request_ends_the_session(outcome, request_):
    before = [] if request_ == 4 else [counts(3), ALL]
    with pytest.raises(RequestRefused) as caught:
        await play(COUNT, *before, refuses(request_, outcome))
    assert caught.value.outcome == outcome


@pytest.mark.parametrize("outcome", [2, 3, 4, 5, 9])
async def test_a_meter_that_cannot_even_report_all_ends_the_session(outcome):
    with pytest.raises(RequestRefused):
        await play(COUNT, counts(3), ALL, refuses(1, outcome))


async def test_a_meter_that_is_busy_with_somebody_elses_request_is_made_to_drop_it():
    script = [
        Writes("2A52", COUNT.value, LinkError("meter")),
        Writes("2A52", bytes.fromhex("0300")),
        Indicates("2A52", bytes.fromhex("06000301")),
    ]
    items = await play(*script, COUNT, counts(1), ALL, *sends(7), DONE, Commits(Bookmark))
    assert numbers(items) == [7]


async def test_an_answer_that_is_none_travels_and_ends_the_session():
    link = ScriptedLink(SUBSCRIBES, COUNT, Indicates("2A52", b"\5\0\3\2\1"), Commits(Undecodable))
    with pytest.raises(UnexpectedReply):
        await link.play(Glucose())
    assert link.items[0].raw[0].data == b"\5\0\3\2\1"


async def broken(*script, known=""):
    link = ScriptedLink(SUBSCRIBES, *script, bookmark=known)
    with pytest.raises((UnexpectedReply, LinkLost)):
        await link.play(Glucose())
    return [item.value for item in link.items if isinstance(item, Bookmark)]


ENDS = [Silence(), Indicates("2A18", LinkLost("meter"))]


@pytest.mark.parametrize("end", ENDS)
async def test_a_meter_that_goes_away_is_taken_up_behind_what_was_committed(end):
    script = [COUNT, counts(9), ALL, *sends(5, 6, 7), end, Commits(Bookmark)]
    assert await broken(*script) == [bookmark(7, 3)]
    script = [COUNT, counts(9), asks_from(7), *sends(7, 8), end, Commits(Bookmark)]
    assert await broken(*script, known=bookmark(7, 3)) == [bookmark(8, 4)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("came", [(), (5,), (7, 6, 5)])
async def test_one_that_is_not_known_to_send_the_oldest_first_is_taken_up_from_the_start(end, came):
    assert await broken(COUNT, counts(9), ALL, *sends(*came), end) == []


@pytest.mark.parametrize("end", ENDS)
async def test_a_broken_report_whose_first_record_is_another_moves_no_bookmark(end):
    script = [COUNT, counts(9), asks_from(7), *sends(7, 8), end]
    assert await broken(*script, known=bookmark(7, 3, minute=500)) == []


async def test_after_a_broken_report_what_it_missed_is_fetched():
    script = [COUNT, counts(9), asks_from(7), *sends(7, 8, 9, 10, 11, 12), DONE]
    script += [ALL, *sends(4, 5, 6, 7, 8, 9, 10, 11, 12), DONE, Commits(Bookmark)]
    # Of 4 to 7 one was never heard: the bookmark counts three.
    assert (await play(*script, bookmark=bookmark(7, 3)))[-1].value == bookmark(12, 9)


async def test_a_context_joins_its_record_by_the_number_in_any_order():
    script = [
        COUNT,
        counts(3),
        ALL,
        Indicates("2A18", record(5, flags=0x12)),
        Indicates("2A18", record(6, flags=0x12)),
        Indicates("2A34", context(6, 2)),
        Commits(Reading),
        Indicates("2A18", record(7)),
        Commits(Reading),
        Indicates("2A34", context(5, 1)),
        Commits(Reading),
        DONE,
        Commits(Bookmark),
    ]
    six, seven, five, _ = await play(*script)
    assert (six.record_number, six.attributes["meal"]) == (6, "postprandial")
    assert (five.record_number, five.attributes["meal"]) == (5, "preprandial")
    assert [len(each.raw) for each in (five, six, seven)] == [2, 2, 1]
    assert five.raw[0].data == record(5, flags=0x12)


async def test_a_record_whose_context_never_comes_is_handed_on_at_the_end():
    script = [COUNT, counts(1), ALL, Indicates("2A18", record(5, flags=0x12)), DONE]
    reading, _ = await play(*script, Commits(Reading), Commits(Bookmark))
    assert reading.attributes["context"] == "missing"


@pytest.mark.parametrize("end", ENDS)
async def test_a_record_that_waits_for_its_context_is_not_lost_with_the_link(end):
    script = [COUNT, counts(1), ALL, Indicates("2A18", record(5, flags=0x12)), end]
    assert await broken(*script, Commits(Reading)) == []


async def test_a_number_that_comes_twice_costs_no_record():
    script = [COUNT, counts(2), ALL, Indicates("2A18", record(5, flags=0x12))]
    script += [Indicates("2A18", record(5, 9, flags=0x12)), Commits(Reading), DONE]
    items = await play(*script, Commits(Reading), Commits(Bookmark))
    assert {item.raw[0].data for item in items[:2]} == {
        record(5, flags=0x12),
        record(5, 9, flags=0x12),
    }


async def test_a_context_alone_is_an_event():
    script = [COUNT, counts(1), ALL, Indicates("2A34", context(9)), Commits(DeviceEvent)]
    event, *_ = await play(*script, *sends(5), DONE, Commits(Bookmark))
    assert (event.name, event.facts) == (
        "glucose-context",
        {"record_number": 9, "meal": "preprandial"},
    )


async def test_what_is_no_glucose_of_the_patients_is_an_event_and_a_record_of_the_count():
    control = record(5)[:-1] + b"\x4a"
    script = [
        COUNT,
        counts(2),
        ALL,
        Indicates("2A18", control),
        Commits(DeviceEvent),
        Indicates("2A18", record(6, flags=0x12)),
        Indicates("2A34", context(6, 6)),
        Commits(DeviceEvent),
        DONE,
        Commits(Bookmark),
    ]
    items = await play(*script)
    assert [item.name for item in items[:2]] == ["control-solution", "ketone-test"]


async def test_what_cannot_be_decoded_travels_and_stops_nothing():
    script = [
        COUNT,
        counts(2),
        ALL,
        Indicates("2A18", record(5)[:-1]),
        Commits(Undecodable),
        Indicates("2A34", b"\2"),
        Commits(Undecodable),
        *sends(6),
        DONE,
        Commits(Bookmark),
    ]
    assert numbers(await play(*script)) == [6]


async def test_a_meter_without_a_control_point_is_listened_to():
    link = ScriptedLink(Subscribes("2A18"), *sends(5, 6), Silence())
    assert numbers(await link.play(Glucose())) == [5, 6]


FETCHES = [COUNT, counts(1), ALL, *sends(5), DONE, Commits(Bookmark)]


@pytest.mark.parametrize("characteristic", ["2A08", "2A2B"])
@pytest.mark.parametrize("off_s", [0, 3600])
async def test_a_clock_is_read_before_the_records_and_set_after_them_if_it_is_wrong(
    characteristic, off_s
):
    sets = [Writes(characteristic, encode(characteristic, NOON)), Commits(ClockSet)]
    items = await play(
        Reads(characteristic, encode(characteristic, NOON + timedelta(seconds=off_s))),
        Commits(ClockRead),
        *FETCHES,
        *(sets if off_s else ()),
        now=NOON,
    )
    assert isinstance(items[0], ClockRead)


async def test_a_clock_that_takes_no_date_time_is_set_by_its_current_time():
    await play(
        Reads("2A08", bytes(7)),
        Commits(ClockRead),
        *FETCHES,
        Writes("2A08", encode("2A08", NOON), LinkError("meter")),
        Writes("2A2B", encode("2A2B", NOON)),
        Commits(ClockSet),
        now=NOON,
    )


async def test_no_clock_is_set_while_the_hub_has_no_time_or_after_a_failed_fetch():
    reads = [Reads("2A08", bytes(7)), Commits(ClockRead)]
    await play(*reads, *FETCHES)
    with pytest.raises(UnexpectedReply):
        await play(*reads, COUNT, Silence(), now=NOON)


async def test_a_contour_is_set_by_its_own_clock_to_which_it_lets_listen_first():
    at = datetime.fromisoformat("2025-11-22T08:01")
    link = ScriptedLink(
        SUBSCRIBES,
        Subscribes(CONTOUR),
        Reads("2A2B", encode("2A2B", NOON)),
        Commits(ClockRead),
        *FETCHES,
        Writes(
            CONTOUR, bytes.fromhex("01e9070b160801000000")
        ),  # as weliem/blessed-kotlin writes it
        Commits(ClockSet),
        now=at,
    )
    assert (await link.play(Glucose()))[-1].device_time == at


CARESENS_AT = datetime.fromisoformat("2018-11-29T22:45:59")
CARESENS_WRITE = Writes("FFF1", bytes.fromhex("c0030100e2070b1d162d3b"))  # xDrip's test


@pytest.mark.parametrize("name", ["CareSens 0123", ""])
async def test_a_caresens_whose_clock_cannot_be_read_is_set_by_its_own_characteristic(name):
    says = [Reads("2A29", b"i-SENS, Inc."), Commits(DeviceInformation)]
    link = ScriptedLink(
        *([] if name else says),
        SUBSCRIBES,
        Subscribes("FFF1"),
        *FETCHES,
        CARESENS_WRITE,
        Commits(ClockSet),
        name=name,
        now=CARESENS_AT,
    )
    assert (await link.play(Glucose()))[-1].device_time == CARESENS_AT


async def test_the_same_characteristic_of_another_maker_is_left_alone():
    link = ScriptedLink(SUBSCRIBES, *FETCHES, name="other", now=CARESENS_AT)
    link._offered.add("FFF1")
    await link.play(Glucose())


def test_a_record_decoded_again_from_its_own_frames_says_the_same():
    kept = []
    for case in load_cases(Glucose()):
        with suppress(UnexpectedReply):
            kept += [i for i in replay(Glucose(), "", case.frames) if hasattr(i, "device_time")]
    kept = [item for item in kept if not isinstance(item, ClockRead)]
    assert len(kept) >= 30
    for item in kept:
        assert list(replay(Glucose(), "", item.raw)) == [item]


def test_a_meter_is_written_to_at_its_control_point_and_its_clocks_alone():
    assert Glucose.info.writes == ("2A52", "2A08", "2A2B", CONTOUR, "FFF1")


async def take_up(meter):
    items = []
    try:
        async for item in Glucose().session(meter):
            items.append(item)
            if isinstance(item, Bookmark):
                meter.bookmark = item.value
    finally:
        meter.delivered |= {i.raw[0].data for i in items if isinstance(i, Reading)}


HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("measure"), st.integers(1, 12)),
        st.tuples(st.just("clear"), st.none()),
        st.tuples(st.just("renumber"), st.sampled_from([0, 1, 3])),
        st.tuples(st.just("break"), st.integers(0, 12)),
        st.tuples(st.just("fetch"), st.none()),
    ),
    max_size=24,
)


@given(HISTORIES, st.sampled_from([0, 1, 64530, 65533]))
async def test_whatever_befalls_a_memory_a_whole_session_delivers_all_that_it_holds(history, first):
    meter = GlucoseMeter(first)
    meter.delivered = set()
    for what, how in [*history, ("fetch", None)]:
        match what:
            case "measure":
                for _ in range(how):
                    meter.measure()
            case "clear":
                meter.records.clear()
            case "renumber":
                meter.next = how
            case "break":
                meter.patience = how
                with suppress(UnexpectedReply):
                    await take_up(meter)
                meter.patience = 10**6
            case "fetch":
                await take_up(meter)
                assert {frame for _, frame in meter.records} <= meter.delivered


@given(st.lists(st.integers(1, 7), min_size=1, max_size=30))
async def test_a_full_memory_loses_nothing_between_two_sessions_that_it_could_hold(days):
    meter = GlucoseMeter(65500, capacity=7)
    meter.delivered = set()
    for measured in days:
        for _ in range(measured):
            meter.measure()
        await take_up(meter)
        assert {frame for _, frame in meter.records} <= meter.delivered
