import asyncio
from contextlib import suppress
from datetime import datetime

import pytest

from drivers.blood_pressure import BloodPressure
from drivers.conformance_golden import load_cases, tell
from drivers.contec_cms50 import ContecCms50
from drivers.errors import DriverError
from drivers.replay import replay
from drivers.spi import (
    RX,
    Battery,
    ClockRead,
    DeviceInformation,
    Frame,
    Reading,
    Series,
    Undecodable,
)
from gateway.registry import load_drivers

CLOCK = Frame("2A08", bytes.fromhex("e3070c190a1e2d"))


class Sleepy:
    info = BloodPressure.info

    async def session(self, link):
        await asyncio.sleep(0)
        yield


@pytest.mark.parametrize("name", ["", "A&D_UA-651BLE_004B6B"])
def test_clocks_are_read_one_after_another_and_none_is_set(name):
    made = list(replay(BloodPressure(), name, [CLOCK, CLOCK]))
    assert made == [ClockRead(datetime.fromisoformat("2019-12-25T10:30:45"), CLOCK)] * 2


def test_what_a_device_says_of_itself_can_be_replayed():
    frames = [Frame("2A24", b"UA251\0"), Frame("2A19", b"\x64"), Frame("2A19", b"\x65")]
    said, full, bad = replay(BloodPressure(), "", frames)
    assert said == DeviceInformation(model="UA251")
    assert full == Battery(100, frames[1])
    assert isinstance(bad, Undecodable)


def test_frames_that_the_driver_does_not_know_make_nothing():
    assert list(replay(BloodPressure(), "", [Frame("2A99", b"\0")])) == []


async def test_a_replay_works_inside_a_running_loop():
    assert len(list(replay(BloodPressure(), "", [CLOCK]))) == 1


def test_a_driver_that_waits_for_anything_but_its_link_is_refused():
    with pytest.raises(RuntimeError):
        list(replay(Sleepy(), "", [CLOCK]))


def test_the_frames_of_a_stretch_make_the_stretch_again():
    frames = bytes.fromhex("8540074861 c541074861 8542474862")
    chunks = [Frame(RX, frames), Frame(RX, frames)]
    [series] = replay(ContecCms50(), "", chunks)
    assert isinstance(series, Series)
    assert series.raw == Frame(RX, frames * 2)


def play(driver, name, frames):
    items = []
    with suppress(DriverError):
        for item in replay(driver, name, frames):
            items.append(item)  # noqa: PERF402  what came before the end is wanted
    return items


@pytest.mark.parametrize("id_", load_drivers())
def test_the_frames_that_a_measurement_holds_say_the_same_again(id_):
    driver = load_drivers()[id_]
    for case in load_cases(driver):
        for item in play(driver, case.name, case.frames):
            if isinstance(item, Reading | Series):
                raw = (item.raw,) if isinstance(item, Series) else item.raw
                again = [i for i in play(driver, case.name, raw) if type(i) is type(item)]
                assert [tell(i) for i in again] == [tell(item)], case.id


def test_a_frame_of_no_bytes_is_no_silence_on_a_serial_line():
    frame = bytes.fromhex("8540074861")
    frames = [Frame(RX, frame), Frame(RX, b""), Frame(RX, frame)]
    [series] = replay(ContecCms50(), "", frames)
    assert series.count == 2
