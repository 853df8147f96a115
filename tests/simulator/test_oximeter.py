import json
import subprocess
import sys

import pytest
import serial

from drivers.contec_cms50 import decode, make_framer
from simulator.oximeter import ASK, Oximeter, build

DEADLINE_S = 30


@pytest.fixture
def oximeter(tmp_path):
    oximeter = Oximeter(tmp_path / "ttyUSB0")
    oximeter.plug()
    yield oximeter
    oximeter.unplug()


def test_a_built_frame_says_what_it_was_built_of():
    sample = decode(build(spo2=98, pulse=200, pleth=127, first=0x45))
    assert (sample.spo2, sample.pulse, sample.pleth, sample.bar) == (98, 200, 127, 7)
    assert (sample.signal_strength, sample.beep, sample.finger_out) == (5, True, False)


def test_what_a_port_gives_are_its_frames(oximeter):
    with serial.Serial(str(oximeter.port), 19200, parity="O", timeout=DEADLINE_S) as port:
        sent = oximeter.beat(60)
        frames = list(make_framer().feed(port.read(len(sent)) + b"\x80"))
        oximeter.has_finger = False
        lost = decode(port.read(len(oximeter.beat())))
    assert b"".join(frames) == sent
    assert {decode(frame).spo2 for frame in frames} == {97}
    assert sum(decode(frame).beep for frame in frames) == 1  # 72 a minute
    assert lost.finger_out


def test_asked_for_its_recording_it_sends_it_once_for_each_question(oximeter):
    oximeter.recording = [(72, 97), (200, 98)]
    with serial.Serial(str(oximeter.port), 19200, timeout=DEADLINE_S) as port:
        assert oximeter.answer() == b""
        port.write(ASK)
        assert oximeter.answer() == ASK
        sent = port.read(18)
        assert oximeter.answer() == b""
    assert sent == bytes.fromhex("f28000" * 3 + "808005" + "f0c861" + "f1c862")


def test_unplugged_it_is_gone_with_its_terminal(oximeter):
    behind = oximeter.port.readlink()
    oximeter.unplug()
    assert not oximeter.port.is_symlink()
    assert not behind.exists()
    assert oximeter.write(b"x") == 0


def test_the_program_streams_and_obeys(tmp_path):
    port = tmp_path / "ttyUSB0"
    command = [sys.executable, "-m", "simulator", "oximeter", "--port", port]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:

        def ask(**what):
            program.stdin.write(json.dumps(what) + "\n")
            program.stdin.flush()
            return json.loads(program.stdout.readline())

        assert json.loads(program.stdout.readline())["event"] == "ready"
        with serial.Serial(str(port), 19200, timeout=DEADLINE_S) as opened:
            frames = list(make_framer().feed(opened.read(20)))
            assert len(frames) >= 2
            assert ask(do="finger", value=False)["ok"]
            assert ask(do="noise", bytes=10)["ok"]
            assert ask(do="half")["ok"]
        assert not ask(do="fly")["ok"]
        assert ask(do="plug", value=False)["ok"]
        assert not port.is_symlink()
        assert ask(do="plug", value=True)["ok"]
        assert ask(do="stop")["ok"]
    assert program.returncode == 0
    assert not port.is_symlink()
