from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dispenser_frame import CRC_INIT, MOST, Framer, build, check
from drivers.errors import DecodeError
from simulator.dispenser import crc, frame

frames = st.builds(build, st.integers(0, 255), st.binary(max_size=MOST))


def found(*chunks):
    framer = Framer()
    whole = [each for chunk in chunks for each in framer.feed(chunk)]
    return whole + list(framer.silence())


def test_the_checksum_is_the_one_whose_name_it_bears():
    assert crc(b"123456789") == 0x29B1  # the check value of CRC-16/CCITT-FALSE
    assert CRC_INIT == 0xFFFF


@given(st.integers(0, 255), st.binary(max_size=MOST))
def test_a_frame_is_the_one_that_the_emulator_builds_bit_by_bit(kind, body):
    assert build(kind, body) == frame(kind, body)
    check(build(kind, body))


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ("", 0),
        ("5600020e", 4),
        ("5700020e3c", 0),
        ("5601020e3c", 1),
        ("5600020e3d", 3),
    ],
)
def test_what_is_no_frame_is_a_decode_error_with_its_byte(sent, at):
    with pytest.raises(DecodeError) as caught:
        check(bytes.fromhex(sent))
    assert caught.value.at == at


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_decode_error(data):
    with suppress(DecodeError):
        check(data)
        assert data == build(data[2], data[3:-2])


@given(st.lists(frames, max_size=5), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    chunks = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert found(*chunks) == sent


@given(frames, st.data(), frames)
def test_behind_a_frame_that_was_cut_the_next_but_one_is_found_when_it_is_quiet(
    first, data, second
):
    cut = first[: data.draw(st.integers(0, len(first) - 1))]
    assert found(cut + second + second)[-1] == second


@given(st.binary(max_size=300))
def test_any_bytes_give_whole_frames_the_same_ones_byte_by_byte_and_what_is_none(line):
    framer = Framer()
    whole = [*framer.feed(line), *framer.silence()]
    assert found(*(line[at : at + 1] for at in range(len(line)))) == whole
    assert sum(map(len, whole)) + len(framer.take_skipped()) == len(line)
    assert framer.take_skipped() == b""


def test_noise_that_nobody_asks_for_does_not_grow():
    framer = Framer()
    assert not list(framer.feed(bytes(100_000)))
    assert len(framer.skipped) <= 1024
