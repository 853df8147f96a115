from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.taidoc_frame import METER, SIZE, Framer, build, check, pack_time, split, unpack_time
from drivers.taidoc_protocol import COMMANDS

frames = st.builds(
    build,
    st.integers(0, 255),
    st.binary(min_size=4, max_size=4),
    st.just(METER),
)
FIRST = datetime(2000, 1, 1)  # noqa: DTZ001  a device states no zone
minutes = st.integers(0, 127 * 365 * 24 * 60).map(lambda n: FIRST + timedelta(minutes=n))


def found(*chunks):
    framer = Framer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)]


@pytest.mark.parametrize(
    ("command", "data", "wanted"),
    [  # advmeds-service/advmeds-bluetooth-lib@0e83080; the first is glucometerutils'
        (0x22, "00000000", "512200000000a316"),
        (0x23, "00000000", "512300000000a317"),
        (0x24, "00000000", "512400000000a318"),
        (0x25, "00000000", "512500000000a319"),
        (0x26, "00000000", "512600000000a31a"),
        (0x26, "00000001", "512600000001a31b"),
        (0x49, "00000000", "514900000000a33d"),
        (0x50, "00000000", "515000000000a344"),
        (0x54, "00000000", "515400000000a348"),
    ],
)
def test_a_command_is_the_one_that_public_drivers_send(command, data, wanted):
    assert build(command, bytes.fromhex(data)).hex() == wanted


def test_neither_to_switch_off_nor_to_clear_the_memory_is_among_what_may_be_written():
    assert not {build(0x50)[:2], build(0x52)[:2]} & set(COMMANDS)


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ("", 0),
        ("51500000", 4),
        ("515000000000a34400", 8),
        ("505000000000a343", 0),
        ("515000000000a445", 6),
        ("515000000000a368", 7),  # andrew61/TransafeRx: 68 is 0x44 in decimal
    ],
)
def test_what_is_no_frame_is_a_decode_error_with_its_byte(sent, at):
    with pytest.raises(DecodeError) as caught:
        check(bytes.fromhex(sent))
    assert caught.value.at == at


@given(st.binary(max_size=40))
def test_any_bytes_are_frames_or_a_decode_error(data):
    with suppress(DecodeError):
        assert b"".join(split(data)) == data


@given(minutes)
def test_a_time_is_the_one_that_was_packed(time):
    assert unpack_time(build(0x23, pack_time(time))) == time


@given(st.binary(min_size=4, max_size=4))
def test_any_packed_time_is_a_time_or_none_or_a_decode_error(data):
    with suppress(DecodeError):
        time = unpack_time(build(0x23, data))
        assert time is None or (time.second, time.microsecond) == (0, 0)


def test_a_clock_without_month_or_day_was_never_set():
    assert unpack_time(build(0x23, bytes(4))) is None


@given(st.lists(frames), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    chunks = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert found(*chunks) == sent


@given(frames, st.integers(0, SIZE - 1), frames)
def test_behind_a_frame_that_was_cut_the_next_but_one_is_found(first, size, second):
    assert found(first[:size] + second + second)[-1] == second


@given(st.binary(max_size=100))
def test_any_bytes_give_whole_frames_and_the_same_ones_byte_by_byte(line):
    frames = found(line)
    assert found(*(line[at : at + 1] for at in range(len(line)))) == frames
    for frame in frames:
        check(frame)
