from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dispenser_ble import DispenserBle
from drivers.dispenser_frame import build
from drivers.dispenser_protocol import COMMANDS, FROM_DEVICE
from drivers.dispenser_record import decode
from drivers.dispenser_serial import DispenserSerial
from drivers.errors import DecodeError, LinkLost, UnexpectedReply
from drivers.replay import replay
from drivers.spi import (
    RX,
    Battery,
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
from simulator.dispenser import DISPENSED, JAMMED, MISSED, OPENED, REFILLED, ROTATED, Dispenser
from tests.fakes.talking_link import TalkingLink

NOW = datetime(2026, 6, 1, 8, 0, 12)  # noqa: DTZ001  a device states no zone
DRIVERS = [DispenserSerial(), DispenserBle()]
either = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.info.transport)
FETCH, STORED = 0x04, 0x05


@pytest.fixture
def dispenser():
    dispenser = Dispenser(lambda: NOW)
    dispenser.set_clock(NOW)
    return dispenser


def link_to(dispenser, **facts):
    return TalkingLink(dispenser.hear, **{"size": 20, "now": NOW, **facts})


def fill(dispenser, count):
    for compartment in range(count):
        dispenser.happen(OPENED, compartment=compartment)


def readings(items):
    return [item for item in items if isinstance(item, Reading)]


def numbers(items):
    return [reading.record_number for reading in readings(items)]


def asked(link, kind):
    return [int.from_bytes(sent[7:11], "little") for sent in link.written if sent[2] == kind]


@either
async def test_a_session_says_who_it_is_its_clock_and_every_record_in_its_order(driver, dispenser):
    fill(dispenser, 3)
    link = link_to(dispenser)
    items = await link.play(driver)
    assert items[0] == DeviceInformation("Vitalpost", "D1", "D1-000123", "1.0")
    assert [type(item) for item in items[1:3]] == [Battery, ClockRead]
    assert items[2].device_time == NOW
    assert numbers(items) == [1, 2, 3]
    assert {(r.origin, r.device_time) for r in readings(items)} == {(Origin.STORED, NOW)}
    assert (items[-1], dispenser.memory) == (Bookmark("4d3c2b1a:3"), {})


async def test_an_act_is_a_reading_and_what_the_device_does_or_finds_is_an_event(dispenser):
    for kind in (OPENED, ROTATED, DISPENSED, MISSED, REFILLED, JAMMED, 9):
        dispenser.happen(kind)
    items = await link_to(dispenser).play(DispenserSerial())
    assert [reading.status for reading in readings(items)] == [("opened",), ("dispensed",)]
    events = [item.name for item in items if isinstance(item, DeviceEvent)]
    assert events == ["rotated", "missed", "refilled", "jammed", "kind-9"]
    assert "taken" not in str(items)


@either
async def test_a_record_is_acknowledged_after_its_commit_and_sixteen_at_once(driver, dispenser):
    fill(dispenser, 40)
    link = link_to(dispenser)
    committed = []
    async for item in driver.session(link):
        assert [up_to for up_to in asked(link, STORED) if up_to > len(committed)] == []
        if isinstance(item, Reading):
            committed.append(item.record_number)
    assert asked(link, STORED) == [16, 32, 40]


@either
async def test_killed_anywhere_nothing_is_lost_and_each_record_has_one_name(driver):
    for until in range(1, 30):
        dispenser = Dispenser(lambda: NOW)
        fill(dispenser, 20)
        names = set(dispenser.memory.values())
        link = link_to(dispenser, now=None)
        before = readings(await link.play(driver, until))
        again = link_to(dispenser, now=None, bookmark=link.bookmark)
        after = readings(await again.play(driver))
        told = [reading.raw[0].data for reading in before + after]
        assert set(told) == names
        assert len(told) <= 20 + 16
        assert not dispenser.memory


@either
async def test_an_acknowledgement_that_went_unheard_is_repeated_and_no_record_is(driver, dispenser):
    fill(dispenser, 3)
    heard = []

    def deaf(data):
        heard.append(data[2])
        return b"" if data[2] == STORED else dispenser.hear(data)

    link = TalkingLink(deaf, size=20, stays=True)
    with pytest.raises(LinkLost):
        await link.play(driver)
    assert (link.bookmark, len(dispenser.memory)) == ("4d3c2b1a:3", 3)
    again = link_to(dispenser, bookmark=link.bookmark)
    assert not readings(await again.play(driver))
    assert (asked(again, STORED), dispenser.memory) == ([3], {})


@either
async def test_what_happens_while_we_listen_is_live_and_acknowledged(driver, dispenser):
    fill(dispenser, 2)
    later = [lambda: dispenser.happen(DISPENSED, doses=2), lambda: dispenser.happen(OPENED)]
    link = link_to(dispenser, later=later)
    told = readings(await link.play(driver))
    assert [r.origin for r in told] == 2 * [Origin.STORED] + 2 * [Origin.LIVE]
    assert (numbers(told), dispenser.memory) == ([1, 2, 3, 4], {})
    assert asked(link, FETCH) == [1, 2]


async def test_what_happens_while_history_is_read_is_live_and_keeps_its_name(dispenser):
    fill(dispenser, 2)

    def busy(data):
        between = dispenser.happen(OPENED) if data[2] == FETCH and data[7] == 1 else b""
        return between + dispenser.hear(data)

    told = readings(await TalkingLink(busy).play(DispenserSerial()))
    assert [(r.record_number, r.origin.value) for r in told] == [
        (3, "live"),
        (1, "stored"),
        (2, "stored"),
        (3, "stored"),
    ]
    assert told[0].raw == told[3].raw
    assert not dispenser.memory


async def test_what_was_sent_and_lost_on_the_way_is_fetched_with_the_next(dispenser):
    def lose_one():
        dispenser.happen(OPENED)
        return dispenser.happen(OPENED)

    told = readings(await link_to(dispenser, later=[lose_one]).play(DispenserSerial()))
    assert (numbers(told), dispenser.memory) == ([2, 1, 2], {})


@either
async def test_after_a_restart_of_the_device_it_is_asked_anew(driver, dispenser):
    def restart():
        dispenser.happen(OPENED)
        return dispenser.wake()

    items = await link_to(dispenser, later=[restart]).play(driver)
    assert [type(item) for item in items].count(DeviceInformation) == 2
    assert (numbers(items), dispenser.memory) == ([1], {})


@either
async def test_what_a_full_memory_has_lost_is_told(driver):
    dispenser = Dispenser(lambda: NOW, capacity=4)
    fill(dispenser, 2)
    link = link_to(dispenser)
    await link.play(driver)
    fill(dispenser, 7)
    items = await link_to(dispenser, bookmark=link.bookmark).play(driver)
    [lost] = [item for item in items if isinstance(item, DeviceEvent)]
    assert (lost.name, lost.facts) == ("records-lost", {"from": 3, "to": 5})
    assert numbers(items) == [6, 7, 8, 9]


async def test_a_record_that_is_lost_when_it_is_asked_for_is_told_and_the_next_is_fetched(
    dispenser,
):
    fill(dispenser, 4)

    def forgetful(data):
        if data[2] == FETCH and data[7] == 2:
            del dispenser.memory[2]
        return dispenser.hear(data)

    items = await TalkingLink(forgetful).play(DispenserSerial())
    [lost] = [item for item in items if isinstance(item, DeviceEvent)]
    assert (lost.name, lost.facts) == ("records-lost", {"from": 2, "to": 2})
    assert (numbers(items), dispenser.memory) == ([1, 3, 4], {})


@either
async def test_an_erased_device_begins_anew_and_its_first_record_has_another_name(
    driver, dispenser
):
    fill(dispenser, 1)
    link = link_to(dispenser)
    before = readings(await link.play(driver))
    dispenser.erase(store=7)
    fill(dispenser, 1)
    after = readings(await link_to(dispenser, bookmark=link.bookmark).play(driver))
    assert numbers(after) == [1]
    assert before[0].raw != after[0].raw


async def test_a_device_whose_numbers_went_back_is_read_from_its_first(dispenser):
    fill(dispenser, 3)
    items = await link_to(dispenser, bookmark="4d3c2b1a:9").play(DispenserSerial())
    assert numbers(items) == [1, 2, 3]


@either
async def test_what_a_device_claims_to_have_and_has_not_is_lost_and_asked_for_once(
    driver, dispenser
):
    fill(dispenser, 2)
    dispenser.last = 4_000_000_000
    link = link_to(dispenser)
    items = await link.play(driver)
    [lost] = [item for item in items if isinstance(item, DeviceEvent)]
    assert lost.facts == {"from": 3, "to": 4_000_000_000}
    assert asked(link, FETCH) == [1, 2, 3]


@either
async def test_a_device_that_claims_records_and_refuses_each_is_dropped(driver, dispenser):
    fill(dispenser, 2)

    def stubborn(data):
        return build(0x8F, bytes((2, 1, 0, 0, 0))) if data[2] == FETCH else dispenser.hear(data)

    with pytest.raises(UnexpectedReply):
        await TalkingLink(stubborn, size=20).play(driver)


@either
async def test_a_device_that_answers_another_record_is_dropped(driver, dispenser):
    fill(dispenser, 3)
    kept = dict(dispenser.memory)

    def confused(data):
        return kept[3] if data[2] == FETCH else dispenser.hear(data)

    link = TalkingLink(confused, size=20, stays=True)
    with pytest.raises(LinkLost):
        await link.play(driver)
    assert link.bookmark == ""


@either
async def test_a_device_that_sends_the_same_record_without_end_is_dropped(driver, dispenser):
    fill(dispenser, 1)
    [kept] = dispenser.memory.values()
    with pytest.raises(UnexpectedReply):
        await link_to(dispenser, later=[lambda: kept] * 1000).play(driver)


@either
async def test_a_device_that_is_silent_is_dropped(driver):
    with pytest.raises(LinkLost):
        await TalkingLink(lambda _: b"", stays=True).play(driver)


async def test_a_question_that_went_unheard_on_the_cable_is_asked_once_more(dispenser):
    fill(dispenser, 2)
    heard = []

    def deaf(data):
        heard.append(data)
        return dispenser.hear(data) if heard.count(data) > 1 else b""

    assert numbers(await TalkingLink(deaf, stays=True).play(DispenserSerial())) == [1, 2]


@either
async def test_a_clock_that_was_never_set_is_set_after_the_records(driver):
    dispenser = Dispenser(lambda: NOW)
    fill(dispenser, 1)
    items = await link_to(dispenser).play(driver)
    assert [type(item) for item in items[2:]] == [ClockRead, Reading, Bookmark, ClockSet]
    assert (items[2].device_time, readings(items)[0].device_time) == (None, None)
    assert dispenser.show() == NOW


@pytest.mark.parametrize(("wrong_s", "is_set"), [(30, False), (31, True), (-31, True)])
async def test_only_a_wrong_clock_is_set(dispenser, wrong_s, is_set):
    dispenser.set_clock(NOW + timedelta(seconds=wrong_s))
    items = await link_to(dispenser).play(DispenserSerial())
    assert any(isinstance(item, ClockSet) for item in items) is is_set


async def test_while_the_time_is_not_known_no_clock_is_set():
    items = await link_to(Dispenser(lambda: NOW), now=None).play(DispenserSerial())
    assert not [item for item in items if isinstance(item, ClockSet)]


@either
async def test_all_that_is_written_is_on_the_list(driver, dispenser):
    dispenser.set_clock(None)
    fill(dispenser, 1)
    link = link_to(dispenser)
    await link.play(driver)
    assert {sent[:3] for sent in link.written} == set(COMMANDS)


async def test_a_version_that_is_not_ours_is_dropped(dispenser):
    def newer(data):
        answer = dispenser.hear(data)
        return build(0x81, b"\x02" + answer[4:-2]) if data[2] == 1 else answer

    with pytest.raises(UnexpectedReply):
        await TalkingLink(newer).play(DispenserSerial())


@given(st.binary(max_size=133))
def test_any_body_is_a_record_or_a_decode_error(body):
    frame = build(0x84, body[:128])
    try:
        item = decode(frame)
    except DecodeError:
        return
    assert item.raw == (Frame(RX, frame),)


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_raise_nothing_and_the_same_byte_by_byte(chunks):
    line = b"".join(chunks)
    if not line:
        return
    told = list(replay(DispenserSerial(), "", [Frame(RX, line)]))
    split = [Frame(RX, line[at : at + 1]) for at in range(len(line))]
    assert list(replay(DispenserSerial(), "", split)) == told


@given(st.lists(st.binary(max_size=40)))
def test_any_notifications_are_told_whole(notifications):
    frames = [Frame(FROM_DEVICE, data) for data in notifications]
    items = list(replay(DispenserBle(), "", frames))
    kept = b"".join(item.raw[0].data for item in items if isinstance(item, Undecodable))
    assert kept == b"".join(notifications)


@either
async def test_a_record_is_read_again_from_its_frame_alone(driver, dispenser):
    dispenser.happen(DISPENSED, doses=2, compartment=3, user=1)
    [reading] = readings(await link_to(dispenser).play(driver))
    [again] = replay(driver, "", reading.raw)
    assert (again.observations, again.attributes) == (reading.observations, reading.attributes)
    assert (again.record_number, again.status) == (1, ("dispensed",))
