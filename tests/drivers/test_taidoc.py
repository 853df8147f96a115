from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError, LinkLost, UnexpectedReply
from drivers.replay import replay
from drivers.spi import (
    RX,
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceEvent,
    DeviceInformation,
    Frame,
    Origin,
    Reading,
    Undecodable,
)
from drivers.taidoc_ble import CHARACTERISTIC, TaiDocBle
from drivers.taidoc_frame import METER, build
from drivers.taidoc_marks import Marks
from drivers.taidoc_record import decode
from drivers.taidoc_serial import TaiDocSerial
from simulator.taidoc import Meter
from tests.fakes.talking_link import TalkingLink

NOW = datetime(2026, 6, 1, 12, 0, 20)  # noqa: DTZ001  a device states no zone
DRIVERS = [TaiDocSerial(), TaiDocBle()]
either = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.transport)


class Time:
    """What the hub and the meter call now."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now

    def passes(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def meter(time):
    return Meter(time, model=0x4277)


def glucose(mg_dl, flags=0):
    return mg_dl.to_bytes(2, "little") + bytes((0, flags))


def fill(meter, time, *values):
    for value in values:
        time.passes(hours=1)
        meter.measure(glucose(value))


def readings(items):
    return [item for item in items if isinstance(item, Reading)]


def values(items):
    return [int(reading.observations[0].value) for reading in readings(items)]


@either
async def test_a_session_says_what_the_meter_is_and_shows_then_its_records_the_newest_first(
    driver, meter, time
):
    fill(meter, time, 101, 102, 103)
    items = await TalkingLink(meter.hear, now=time.now).play(driver)
    assert items[0] == DeviceInformation("TaiDoc", "TD-4277", "3140A20250000017")
    assert (type(items[1]), items[1].device_time) == (ClockRead, NOW.replace(hour=15, second=0))
    assert values(items) == [103, 102, 101]
    assert {reading.origin for reading in readings(items)} == {Origin.STORED}
    assert type(items[-1]) is Bookmark


@either
async def test_only_what_is_new_is_handed_on_the_next_time(driver, meter, time):
    fill(meter, time, 101, 102, 103)
    link = TalkingLink(meter.hear)
    await link.play(driver)
    fill(meter, time, 104, 105)
    again = TalkingLink(meter.hear, bookmark=link.bookmark)
    assert values(await again.play(driver)) == [105, 104]
    idle = TalkingLink(meter.hear, bookmark=again.bookmark)
    assert [type(item) for item in await idle.play(driver)] == [DeviceInformation, ClockRead]


async def test_a_full_memory_is_not_read_whole_though_its_count_stays(time):
    meter = Meter(time, model=0x4216, capacity=50)
    fill(meter, time, *range(100, 150))
    link = TalkingLink(meter.hear)
    await link.play(TaiDocBle())
    fill(meter, time, 200)
    again = TalkingLink(meter.hear, bookmark=link.bookmark)
    assert values(await again.play(TaiDocBle())) == [200]
    assert len(again.written) < 20


async def test_a_memory_that_was_cleared_and_filled_is_read_whole(meter, time):
    fill(meter, time, 101, 102)
    link = TalkingLink(meter.hear)
    await link.play(TaiDocSerial())
    meter.memory.clear()
    fill(meter, time, 111, 112, 113)
    again = TalkingLink(meter.hear, bookmark=link.bookmark)
    assert values(await again.play(TaiDocSerial())) == [113, 112, 111]


@either
async def test_killed_anywhere_nothing_is_lost_and_each_record_has_one_name(driver, meter, time):
    fill(meter, time, *range(100, 110))
    whole = readings(await TalkingLink(meter.hear).play(driver))
    names = {reading.raw[0] for reading in whole}
    assert len(names) == 10
    for until in range(1, 14):
        link = TalkingLink(meter.hear)
        before = readings(await link.play(driver, until))
        after = readings(await TalkingLink(meter.hear, bookmark=link.bookmark).play(driver))
        assert {reading.raw[0] for reading in before + after} == names


async def test_two_records_of_one_minute_have_two_names(meter):
    meter.measure(glucose(101))
    meter.measure(glucose(102))
    one, other = readings(await TalkingLink(meter.hear).play(TaiDocSerial()))
    assert one.device_time == other.device_time
    assert one.raw[0] != other.raw[0]


@either
async def test_what_it_measures_while_we_listen_is_live_and_what_it_tells_later_is_not(
    driver, meter, time
):
    fill(meter, time, 101)
    time.passes(minutes=30)
    wakes_only = build(0x54, bytes(4), METER)
    later = [lambda: meter.measure(glucose(140)), lambda: wakes_only]
    items = await TalkingLink(meter.hear, later=later).play(driver)
    told = [(int(r.observations[0].value), r.origin) for r in readings(items)]
    assert told[:2] == [(101, Origin.STORED), (140, Origin.LIVE)]
    time.passes(minutes=30)
    items = await TalkingLink(meter.hear, later=[lambda: wakes_only]).play(driver)
    assert {reading.origin for reading in readings(items)} == {Origin.STORED}


@either
async def test_a_meter_that_wakes_first_is_asked_again(driver, meter, time):
    fill(meter, time, 101)
    asleep = [True]

    def hear(data):
        if asleep:
            asleep.clear()
            return build(0x54, bytes(4), METER)
        return meter.hear(data)

    link = TalkingLink(hear)
    assert values(await link.play(driver)) == [101]
    assert link.written[0] == link.written[1]


async def test_a_meter_that_sleeps_through_the_first_command_is_asked_a_second_time(meter):
    heard = []

    def hear(data):
        heard.append(data)
        return meter.hear(data) if len(heard) > 1 else b""

    assert await TalkingLink(hear, stays=True).play(TaiDocSerial())


@either
async def test_a_meter_that_says_nothing_is_dropped(driver):
    link = TalkingLink(lambda _: b"", stays=True)
    with pytest.raises(LinkLost):
        await link.play(driver)
    assert len(set(link.written)) == 1


@either
async def test_a_meter_that_stalls_over_a_record_is_dropped_and_asked_no_second_time(
    driver, meter, time
):
    fill(meter, time, 101, 102)
    meter.count_lie = 5
    link = TalkingLink(meter.hear, stays=True)
    with pytest.raises(LinkLost):
        await link.play(driver)
    assert len(set(link.written)) == len(link.written)
    assert link.bookmark == ""


async def test_what_was_read_before_a_stall_is_handed_on(meter, time):
    fill(meter, time, 101, 102)
    meter.count_lie = 5
    items = []
    link = TalkingLink(meter.hear, stays=True)
    with suppress(LinkLost):
        async for item in TaiDocSerial().session(link):
            items.append(item)  # noqa: PERF401  what came before the error is wanted
    assert values(items) == [102]


@either
async def test_an_answer_to_another_question_gives_no_record_the_time_of_another(
    driver, meter, time
):
    fill(meter, time, 101, 102)

    def hear(data):
        answer = meter.hear(data)
        return answer.replace(b"\x51\x26", b"\x51\x25", 1) if data[1] == 0x26 else answer

    def summed(data):
        answer = hear(data)
        return answer[:7] + bytes((sum(answer[:7]) & 0xFF,)) if answer else answer

    with pytest.raises(UnexpectedReply):
        await TalkingLink(summed).play(driver)


@either
async def test_a_meter_that_answers_what_was_not_asked_is_dropped(driver):
    with pytest.raises(UnexpectedReply):
        await TalkingLink(lambda _: build(0x77, bytes(4), METER) * 20).play(driver)


@either
async def test_a_meter_that_wakes_without_end_and_has_nothing_new_is_dropped(driver, meter, time):
    fill(meter, time, 101, 102)
    wakes = build(0x54, bytes(4), METER)
    link = TalkingLink(meter.hear, later=[lambda: wakes] * 100)
    with pytest.raises(UnexpectedReply):
        await link.play(driver)
    assert len(link.written) < 150


@either
async def test_a_wrong_clock_is_set_after_the_records_and_a_right_one_is_left(driver, meter, time):
    meter.set_clock(NOW - timedelta(minutes=7))
    fill(meter, time, 101)
    items = await TalkingLink(meter.hear, now=time.now).play(driver)
    assert [type(item) for item in items[2:]] == [Reading, ClockSet]
    assert items[-1].device_time == time.now.replace(second=0)
    again = await TalkingLink(meter.hear, now=time.now + timedelta(seconds=50)).play(driver)
    assert not [item for item in again if isinstance(item, ClockSet)]


async def test_while_the_time_is_not_known_no_clock_is_set(meter):
    meter.set_clock(NOW.replace(year=2001))
    link = TalkingLink(meter.hear, now=None)
    await link.play(TaiDocSerial())
    assert not [written for written in link.written if written[1] == 0x33]


@either
async def test_users_of_a_cuff_are_told_apart(driver, time):
    cuff = Meter(time, model=0x3140)
    for user, systolic in ((1, 121), (2, 142), (2, 143)):
        time.passes(hours=1)
        cuff.measure(bytes((systolic, 90, 80, 70)), user=user)
    link = TalkingLink(cuff.hear)
    items = await link.play(driver)
    told = [(r.attributes["user_id"], int(r.observations[0].value)) for r in readings(items)]
    assert told == [(1, 121), (2, 143), (2, 142)]
    time.passes(hours=1)
    cuff.measure(bytes((144, 90, 80, 70)), user=2)
    again = await TalkingLink(cuff.hear, bookmark=link.bookmark).play(driver)
    assert (2, 144) in [(r.attributes["user_id"], r.observations[0].value) for r in readings(again)]


async def test_a_cuff_that_knows_no_users_is_read_once(time):
    cuff = Meter(time, model=0x3128)
    cuff.measure(bytes((121, 90, 80, 70)))
    cuff.memory = dict.fromkeys(range(5), cuff.memory[1])
    assert len(readings(await TalkingLink(cuff.hear).play(TaiDocSerial()))) == 1


async def test_an_oximeter_is_asked_what_it_shows(time):
    oximeter = Meter(time, model=0x8255)

    def hear(data):
        shown = build(0x49, bytes((97, 0, 0, 71)), METER)
        return shown if data[1] == 0x49 else oximeter.hear(data)

    [reading] = readings(await TalkingLink(hear).play(TaiDocBle()))
    assert (reading.origin, reading.device_time) == (Origin.LIVE, None)


async def test_a_reading_of_the_year_2037_is_kept_as_it_is(meter, time):
    meter.set_clock(NOW.replace(year=2037))
    meter.measure(glucose(601))
    [reading] = readings(await TalkingLink(meter.hear).play(TaiDocSerial()))
    assert (reading.device_time.year, reading.observations[0].value) == (2037, 601)


async def test_a_control_solution_is_an_event(meter):
    meter.measure(glucose(110, 0xC0))
    items = await TalkingLink(meter.hear).play(TaiDocSerial())
    assert [item.name for item in items if isinstance(item, DeviceEvent)] == ["control-solution"]
    assert not readings(items)


async def test_a_record_without_a_date_is_kept_and_the_next_is_read(meter, time):
    fill(meter, time, 101, 102)
    meter.memory[0][0] = (bytes(4 * [0xFF]), glucose(103))
    items = await TalkingLink(meter.hear).play(TaiDocSerial())
    assert values(items) == [101]
    [kept] = [item for item in items if isinstance(item, Undecodable)]
    assert len(kept.raw[0].data) == 16


@either
async def test_a_record_is_read_again_from_its_frames_alone(driver, time):
    cuff = Meter(time, model=0x3261)
    cuff.measure(bytes((121, 90, 80, 70)), minute_flags=0x80, user=3)
    [reading] = readings(await TalkingLink(cuff.hear).play(driver))
    [again] = replay(driver, "", reading.raw)
    assert (again.observations, again.attributes) == (reading.observations, {"user_id": 3})
    assert again.raw == reading.raw


@given(st.binary(max_size=40), st.sampled_from(["", "FORA GD40", "TAIDOC TD1241", "FORA D40"]))
def test_any_bytes_are_a_record_or_a_decode_error(data, name):
    with suppress(DecodeError):
        assert b"".join(frame.data for frame in decode(data, name).raw) == data


@given(
    st.sampled_from([0x1241, 0x2555, 0x3140, 0x3261, 0x4277, 0x8255, 0x9999]),
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=4, max_size=4),
)
def test_any_record_of_any_meter_is_told_whole_or_is_a_decode_error(model, time, value):
    frames = build(0x25, time, METER) + build(0x26, value, METER)
    frames += build(0x24, model.to_bytes(2, "little") + bytes(2), METER)
    try:
        item = decode(frames)
    except DecodeError:
        return
    assert b"".join(frame.data for frame in item.raw) == frames


@given(st.lists(st.binary(max_size=20)))
def test_any_bytes_on_the_cable_raise_nothing_and_the_same_byte_by_byte(chunks):
    line = b"".join(chunks)
    if not line:
        return
    told = [type(item) for item in replay(TaiDocSerial(), "", [Frame(RX, line)])]
    split = [Frame(RX, line[at : at + 1]) for at in range(len(line))]
    assert [type(item) for item in replay(TaiDocSerial(), "", split)] == told


@given(st.lists(st.binary(max_size=20)))
def test_any_notifications_raise_nothing(notifications):
    frames = [Frame(CHARACTERISTIC, data) for data in notifications]
    items = list(replay(TaiDocBle(), "", frames))
    assert all(isinstance(item, Undecodable) for item in items)


@given(st.lists(st.integers(0, 0xFFFF), max_size=6))
def test_a_bookmark_says_what_is_newest(digests):
    marks = Marks("1:0001:0002")
    marks.note(1, digests)
    if len(digests) < 2:
        assert marks.changed() == ""
        return
    again = Marks(marks.changed() or "1:0001:0002")
    assert again.end_at(1, digests[:2])
