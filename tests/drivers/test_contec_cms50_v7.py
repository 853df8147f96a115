from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contec_cms50_v7 import (
    KEEP_ALIVE,
    LIVE,
    SIZE,
    START,
    STOP,
    STOP_STORED,
    ContecCms50V7,
    decode,
    make_framer,
)
from drivers.errors import DecodeError, LinkLost
from drivers.replay import replay
from drivers.spi import RX, Frame, Series
from tests.fakes.scripted_port import Brings, Commits, IsSilent, ScriptedPort, Writes

FRAME = bytes.fromhex("018085c083c8e18080")
high = st.integers(128, 255)
frames = st.builds(lambda *rest: bytes((1, *rest)), *[high] * (SIZE - 1))
ASKED = (Writes(STOP_STORED), Writes(STOP), Writes(START))


@pytest.mark.parametrize(
    ("command", "sent"),  # cms7-cmd-start, -stop, -stopstored and -keepalive
    [
        (START, "7d81a1808080808080"),
        (STOP, "7d81a2808080808080"),
        (STOP_STORED, "7d81a7808080808080"),
        (KEEP_ALIVE, "7d81af808080808080"),
    ],
)
def test_commands_are_those_of_public_drivers(command, sent):
    assert command == bytes.fromhex(sent)
    assert command in ContecCms50V7.info.commands


@pytest.mark.parametrize(
    ("sent", "facts"),
    [
        ("018085c083c8e18080", {"signal_strength": 5, "pulse": 72, "spo2": 97, "pleth": 64}),
        ("018885c083c8e18080", {"pulse": 200, "spo2": 97}),
        ("018185c083c8e18080", {"finger_out": True, "searching": False}),
        ("018285c083c8e18080", {"searching": True, "finger_out": False}),
        ("0180d5c083c8e18080", {"beep": True, "searching_too_long": True}),
        ("018880c080ffff8080", {"pulse": 255, "spo2": 127}),
    ],
)
def test_each_field_stands_where_public_drivers_have_it(sent, facts):
    sample = decode(bytes.fromhex(sent))
    assert {name: getattr(sample, name) for name in facts} == facts


def test_numbers_that_stand_for_no_value_are_none():
    assert decode(bytes.fromhex("018880c080ffff8080")).values() == (None, None, 64)
    assert decode(bytes.fromhex("018285c083c8e18080")).values() == (None, None, None)


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ("", 0),
        (FRAME.hex()[:-2], 8),
        (FRAME.hex() + "80", 9),
        ("81" + "80" * 8, 0),
        ("0200" + "80" * 7, 0),
        ("0100" + "80" * 7, 1),
        ("01" + "80" * 7 + "00", 8),
    ],
)
def test_a_frame_with_a_wrong_sync_bit_or_length_is_a_decode_error(sent, at):
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(sent))
    assert caught.value.at == at


@given(st.binary(max_size=20))
def test_any_bytes_decode_or_are_a_decode_error(data):
    with suppress(DecodeError):
        assert len(decode(data).values()) == 3


@given(st.lists(frames), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    framer = make_framer()
    found = [
        frame
        for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)
        for frame in framer.feed(line[a:b])
    ]
    assert found + list(framer.end()) == sent
    assert framer.strays == 0


@given(st.lists(frames, min_size=2), st.data())
def test_of_a_line_that_lost_or_got_a_byte_only_whole_frames_are_found(sent, data):
    line = bytearray(b"".join(sent))
    at = data.draw(st.integers(0, len(line) - 1))
    if data.draw(st.booleans()):
        del line[at]
    else:
        line.insert(at, data.draw(high))
    framer = make_framer()
    found = [*framer.feed(bytes(line)), *framer.end()]
    assert len(found) >= len(sent) - 2
    assert set(found) <= set(sent)


@settings(deadline=None)  # long lines
@given(st.integers(0), st.integers(200, 3000))
def test_no_noise_of_any_length_is_a_measurement(seed, size):
    items = replay(ContecCms50V7(), "", [Frame(RX, Random(seed).randbytes(size))])
    assert all(series.failed for series in items)


async def test_it_is_asked_to_stop_and_start_and_kept_alive_three_times_in_half_a_minute():
    second = FRAME * 60
    script = [*ASKED]
    for at_ms in range(0, 30_000, 500):
        script.append(Brings(second[: len(second) // 2], at_ms))
        if at_ms and at_ms % 10_000 == 0:
            script.append(Writes(KEEP_ALIVE))
    items = await ScriptedPort(*script, Commits(Series)).play(ContecCms50V7())
    assert [series.count for series in items] == [LIVE.longest]


async def test_silence_ends_the_session_so_that_the_next_one_asks_anew():
    script = (Brings(FRAME * 3, 100), IsSilent(2100), Commits(Series))
    [series] = await ScriptedPort(*ASKED, *script).play(ContecCms50V7())
    assert series.count == 3


async def test_a_device_that_went_while_it_was_asked_takes_nothing_along():
    class Gone(ScriptedPort):
        async def write(self, command):
            raise LinkLost(self.name)

    seconds = [Brings(FRAME, at_ms) for at_ms in range(0, 12_000, 900)]
    [series] = await Gone(*seconds, Commits(Series)).play(ContecCms50V7())
    assert series.count == len(seconds)
