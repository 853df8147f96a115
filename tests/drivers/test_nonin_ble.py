import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.nonin_ble import LONGEST, Finger, NoninBle
from drivers.nonin_ble_frame import OXIMETRY, decode
from drivers.replay import replay
from drivers.spi import DeviceEvent, Frame, Reading, Series, Undecodable

GOOD, SMART, OFF, SEARCHING = 0x10, 0x14, 0x00, 0x18


def frame(counter, status=GOOD, spo2=97, pulse=72):
    head = bytes((10, status, 30, 0, 250)) + counter.to_bytes(2, "big")
    return head + bytes((spo2,)) + pulse.to_bytes(2, "big")


def play(*frames, step_ms=1000):
    finger = Finger()
    told = [
        item for number, data in enumerate(frames) for item in finger.feed(data, number * step_ms)
    ]
    return told + list(finger.end())


def values(series):
    runs = series.channels[0].runs
    return [run.value for run in runs for _ in range(run.length)]


def kinds(items):
    return [type(item) for item in items]


def test_a_finger_from_in_to_out_is_a_stream_with_one_spot_check_when_it_is_good():
    items = play(
        frame(1, SEARCHING, 127, 511),
        frame(2),
        frame(3, SMART),
        frame(4, SMART, 98),
        frame(5, SMART, 99),
        frame(6, OFF, 99),
    )
    assert kinds(items) == [Series, Reading, Series, DeviceEvent]
    assert (values(items[0]), values(items[2])) == ([None, 97], [98, 99])
    assert "smartpoint" in items[1].status


def test_the_last_value_that_is_repeated_after_the_finger_is_out_is_no_reading_and_told_once():
    items = play(*(frame(n) for n in range(3)), *(frame(n, OFF) for n in range(3, 13)))
    assert kinds(items) == [Series, DeviceEvent]
    assert items[0].count == 3
    assert items[1].name == "sensor-alarm"


def test_each_finger_has_its_alarm_and_its_spot_check():
    one = [frame(1), frame(2, SMART), frame(3, OFF), frame(4, OFF)]
    items = play(*one, *one)
    assert kinds(items) == 2 * [Series, Reading, DeviceEvent]


def test_a_stream_comes_in_stretches_of_a_minute_and_a_pause_ends_one():
    assert [s.count for s in play(*(frame(n) for n in range(130)))] == [LONGEST, LONGEST, 10]
    assert [s.count for s in play(frame(1), frame(2), step_ms=5001)] == [1, 1]


def test_a_stretch_without_any_value_has_failed():
    [series] = play(*(frame(n, SEARCHING, 127, 511) for n in range(5)))
    assert series.failed


@given(st.lists(st.sampled_from([GOOD, SMART, OFF, SEARCHING, 0x3E]), max_size=150))
def test_every_frame_with_the_sensor_on_is_in_one_item_and_each_item_is_read_again_alike(statuses):
    sent = [frame(number, status) for number, status in enumerate(statuses)]
    items = play(*sent)
    told = [item for item in items if not isinstance(item, DeviceEvent)]
    raw = [item.raw if isinstance(item, Series) else item.raw[0] for item in told]
    assert b"".join(each.data for each in raw) == b"".join(f for f in sent if f[1] & 0x10)
    for item, each in zip(told, raw, strict=True):
        [again] = replay(NoninBle(), "", [each])
        assert type(again) is type(item)
        if isinstance(item, Reading):
            assert again == item
        else:
            assert (again.channels, again.attributes) == (item.channels, item.attributes)


@pytest.mark.parametrize(("sent", "at"), [("", 0), ("0a11", 2), ("09111e00fa00016100", 9)])
def test_a_frame_of_another_length_than_it_says_is_a_decode_error(sent, at):
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(sent))
    assert caught.value.at == at


@given(st.binary(max_size=40))
def test_any_bytes_are_told_whole(data):
    items = list(replay(NoninBle(), "", [Frame(OXIMETRY, data)]))
    assert items
    try:
        decode(data)
    except DecodeError:
        return
    assert not [item for item in items if isinstance(item, Undecodable)]
