from datetime import datetime

import pytest
import serial

from drivers.and_ua767pc import decode as decode_cuff
from drivers.contec_cms50_v7 import KEEP_ALIVE, START, decode, make_framer
from drivers.nonin_9560 import GET_TIME, SELECT_FORMAT_13, set_time
from drivers.nonin_9560_format import Framer
from drivers.nonin_9560_format import decode as decode_spot_check
from drivers.nonin_serial import decode as decode_packet
from drivers.nonin_serial_framer import NoninFramer
from drivers.spi import Origin
from simulator.nonin import SpotChecker, StreamingOximeter
from simulator.oximeter_v7 import PATIENCE_FRAMES, OximeterV7, build
from simulator.wired_cuff import WiredCuff

DEADLINE_S = 30
MORNING = datetime.fromisoformat("2026-09-21T08:00")
NOON = datetime.fromisoformat("2026-09-21T12:00")


@pytest.fixture
def plugged(tmp_path):
    made = []

    def plug(kind, *facts):
        device = kind(tmp_path / "port", *facts)
        device.plug()
        made.append(device)
        return device, serial.Serial(str(device.port), 9600, timeout=DEADLINE_S)

    yield plug
    for device in made:
        device.unplug()


def test_a_spot_checker_sends_what_it_kept_first_and_forgets_it(plugged):
    checker, port = plugged(SpotChecker, MORNING)
    with port:
        checker.keep(80, 95)
        checker.keep(81, 94)
        sent = checker.measure(72, 97)
        first, second, live = map(decode_spot_check, Framer().feed(port.read(len(sent))))
    assert checker.memory == []
    assert [each.origin for each in (first, second, live)] == [*[Origin.STORED] * 2, Origin.LIVE]
    assert [int(each.observations[1].value) for each in (first, second, live)] == [80, 81, 72]
    assert live.device_time == MORNING


def test_a_spot_checker_answers_the_question_for_its_time_and_obeys(plugged):
    checker, port = plugged(SpotChecker, MORNING)
    with port:
        port.write(SELECT_FORMAT_13 + GET_TIME + set_time(NOON))
        checker.answer()
        told = port.read(11)
    assert told[:1] == b"\x06"
    assert decode_spot_check(told[1:]).device_time == MORNING
    assert (checker.format, checker.now) == (13, NOON)


def test_a_stream_repeats_its_last_value_with_the_alarm_for_ten_seconds(plugged):
    stream, port = plugged(StreamingOximeter)
    with port:
        sent = stream.beat() + stream.take_finger_out()
        samples = [decode_packet(each) for each in NoninFramer().feed(port.read(len(sent)))]
    assert [sample.sensor_alarm for sample in samples] == [False] * 3 + [True] * 33
    assert {sample.pulse for sample in samples[:33]} == {72}
    assert {sample.pulse for sample in samples[33:]} == {None}


def test_an_oximeter_of_v7_streams_when_asked_and_gives_up_unless_kept_alive(plugged):
    oximeter, port = plugged(OximeterV7)
    with port:
        assert oximeter.beat(9) == b""
        port.write(START)
        sent = oximeter.beat(100)
        assert [decode(each).pulse for each in make_framer().feed(port.read(len(sent)))] == [
            72
        ] * 99
        while oximeter.streams:
            port.read(len(oximeter.beat(100)))
        assert oximeter.beat() == b""
        port.write(START)
        oximeter.beat(100)
        port.write(KEEP_ALIVE)
        oximeter.obey()
    assert oximeter.left == PATIENCE_FRAMES
    assert oximeter.kept_alive == 1


def test_a_built_frame_of_v7_says_what_it_was_built_of():
    sample = decode(build(5, 64, 3, 200, 97, 0, 0))
    assert (sample.pulse, sample.spo2, sample.pleth, sample.signal_strength) == (200, 97, 64, 5)


def test_a_wired_cuff_sends_ten_digits(plugged):
    cuff, port = plugged(WiredCuff)
    with port:
        cuff.measure(120, 80, 72, 93)
        measured = decode_cuff(port.read(10))
        cuff.fail()
        failed = decode_cuff(port.read(10))
    assert [int(seen.value) for seen in measured.observations] == [120, 80, 93, 72]
    assert failed.failed
