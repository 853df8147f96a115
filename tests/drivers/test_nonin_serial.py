from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.nonin_serial import NoninSerial, decode
from drivers.nonin_serial_framer import (
    FRAME_SIZE,
    FRAMES,
    MOST_DOUBT,
    PACKET_SIZE,
    NoninFramer,
    is_frame,
)
from drivers.replay import replay
from drivers.spi import RX, Chunk, Frame, Series
from tests.fakes.scripted_port import Brings, Commits, IsSilent, ScriptedPort

byte, low = st.integers(0, 255), st.integers(0, 127)
LINE = b"SPO2=097 HR=072\r\n"
DF8 = bytes.fromhex("80486100")


def packet(statuses, pleth, floats, *, df7):
    made = bytearray()
    for at in range(FRAMES):
        status = 0x80 | statuses[at] & 0x7E | (at == 0)
        start = (status, pleth[at], pleth[-at - 1]) if df7 else (1, status, pleth[at])
        frame = bytes((*start, floats[at]))
        made += frame + bytes((sum(frame) & 0xFF,))
    return bytes(made)


bytes_25, low_25 = st.binary(min_size=25, max_size=25), st.lists(low, min_size=25, max_size=25)
packets = {
    df7: st.builds(lambda s, p, f, df7=df7: packet(s, p, f, df7=df7), bytes_25, bytes_25, low_25)
    for df7 in (False, True)
}
df8 = st.builds(lambda first, *rest: bytes((0x80 | first, *rest)), low, low, low, low)
number = st.one_of(st.just("---"), st.integers(0, 999).map("{:03}".format))
lines = st.builds(
    lambda spo2, pulse, fast, event: f"SPO2={spo2} HR={pulse}{fast}{event}\r\n".encode(),
    number,
    number,
    st.sampled_from(["", " F"]),
    st.sampled_from(["", "*"]),
)
streams = st.one_of(*(st.lists(each) for each in (*packets.values(), df8, lines)))


def framed(*chunks):
    framer = NoninFramer()
    found = [frame for chunk in chunks for frame in framer.feed(chunk)]
    return found + list(framer.end()), framer


def played(*chunks):
    return list(replay(NoninSerial(), "", [Frame(RX, chunk) for chunk in chunks]))


@pytest.mark.parametrize(
    ("sent", "is_first", "is_whole"),
    [  # nonin-df2-sync, -rev, -red and -badsum2
        ("0181010083", True, True),
        ("01800130b2", False, True),
        ("01840130b6", False, True),
        ("01800100e3", False, False),
        ("0181010083", False, False),
    ],
)
def test_a_frame_of_format_2_is_told_by_its_start_status_sync_and_sum(sent, is_first, is_whole):
    assert is_frame(bytes.fromhex(sent), 1, is_first=is_first) is is_whole


def test_a_frame_of_format_7_has_a_pleth_of_two_bytes():
    frame = bytes.fromhex("81123400c7")  # nonin-df7-frame
    assert is_frame(frame, 0, is_first=True)
    assert not is_frame(frame, 1, is_first=True)
    assert not is_frame(frame[:4] + b"\xc6", 0, is_first=True)


@given(packets[False], st.integers(1, 124))
def test_a_packet_is_found_behind_part_of_another_and_behind_two_stray_bytes(sent, at):
    *by_chance, series = played(sent[at:] + sent + b"\x01\x81" + sent)
    assert series.raw.data == sent * 2
    assert all(each.failed for each in by_chance)
    assert framed(sent[at:] + sent + b"\x01\x81" + sent)[0][-2:] == [sent, sent]


@given(streams, st.data())
def test_frames_of_every_format_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    chunks = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    found, framer = framed(*chunks)
    assert found == sent
    assert framer.strays == 0


@given(st.one_of(*(st.lists(each, min_size=3) for each in (*packets.values(), lines))), st.data())
def test_a_damaged_line_with_sums_gives_only_what_was_sent(sent, data):
    line = bytearray(b"".join(sent))
    at = data.draw(st.integers(0, len(line) - 1))
    del line[at : at + data.draw(st.integers(1, 9))]
    line[at:at] = data.draw(st.binary(max_size=9))
    series = played(bytes(line))
    kept = b"".join(each.raw.data for each in series if not each.failed)
    whole = set(sent)
    found, _ = framed(kept)
    assert set(found) <= whole


@given(st.lists(df8, min_size=2), st.data())
def test_of_format_8_that_lost_a_byte_only_whole_frames_are_found(sent, data):
    line = bytearray(b"".join(sent))
    del line[data.draw(st.integers(0, len(line) - 1))]
    found, _ = framed(bytes(line))
    assert len(found) >= len(sent) - 4
    assert set(found) <= set(sent)


@given(st.binary(max_size=600))
def test_any_bytes_give_frames_that_decode_and_the_same_ones_byte_by_byte(line):
    found, framer = framed(line)
    assert framed(*(bytes([each]) for each in line))[0] == found
    assert all(decode(frame) for frame in found)
    assert 0 <= framer.doubt <= MOST_DOUBT


@settings(deadline=None)  # long lines
@given(st.integers(0), st.integers(200, 3000))
def test_no_noise_of_any_length_is_a_measurement(seed, size):
    assert all(series.failed for series in played(Random(seed).randbytes(size)))


@given(st.binary(max_size=130))
def test_any_bytes_decode_or_are_a_decode_error(data):
    with suppress(DecodeError):
        assert decode(data).kind.channels


@given(packets[False], packets[True])
def test_no_packet_with_one_other_byte_decodes(df2, df7):
    for sent in (df2, df7):
        for at in range(0, PACKET_SIZE, FRAME_SIZE):
            changed = bytearray(sent)
            changed[at + 4] ^= 1
            with pytest.raises(DecodeError):
                decode(bytes(changed))


@given(df8)
def test_the_pulse_of_format_8_has_nine_bits_and_511_is_none_of_them(frame):
    sample = decode(frame)
    pulse = (frame[0] & 3) << 7 | frame[1]
    assert sample.pulse == (None if pulse == 511 else pulse)
    assert sample.spo2 == (None if frame[2] == 127 else frame[2])


@pytest.mark.parametrize("sent", ["80486108", "c0486100"])
def test_beside_a_sensor_alarm_the_repeated_value_is_no_value(sent):
    sample = decode(bytes.fromhex(sent))
    assert (sample.pulse, sample.spo2, sample.sensor_alarm) == (72, 97, True)
    assert sample.tell().values == (None, None)
    [series] = played(bytes.fromhex(sent) * 10)
    assert series.failed


def test_a_firmware_revision_stands_in_a_packet():
    sent = packet(bytes(25), bytes(25), [0, 72, 97, 48, *[0] * 21], df7=False)
    assert (decode(sent).revision, decode(sent).pulse, decode(sent).spo2) == (48, 72, 97)


def test_once_a_line_with_sums_is_known_bytes_without_are_not_read():
    [series] = played(LINE * 3 + DF8 * 40)
    assert series.raw.data == LINE * 3


async def test_a_stretch_ends_with_the_line_with_silence_and_before_a_minute_is_over():
    seconds = [Brings(DF8, n * 1100) for n in range(52)]
    script = [*seconds, Commits(Series), IsSilent(60_000), Commits(Series)]
    script += [Brings(DF8 * 2, 70_000), Commits(Series)]
    items = await ScriptedPort(*script).play(NoninSerial())
    assert [series.count for series in items] == [50, 2, 2]
    assert [len(series.raw.data) for series in items] == [200, 8, 8]


def test_the_repr_of_a_sample_in_a_chunk_shows_no_value():
    assert repr(Chunk(DF8, 0)) == "Chunk(4 bytes)"
