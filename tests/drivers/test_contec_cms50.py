from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contec_cms50 import LIVE, SIZE, ContecCms50, decode, make_framer
from drivers.contec_cms50_memory import ASK, MARKED_RECORDS, STOP, STORED
from drivers.contec_cms50_memory import decode as decode_record
from drivers.errors import DecodeError
from drivers.spi import Bookmark, Chunk, Origin, Series
from drivers.stream import Stream
from drivers.sync_framer import MOST_DOUBT
from tests.fakes.scripted_port import Brings, Commits, IsSilent, ScriptedPort, Writes

FRAME = bytes.fromhex("8540074861")
NO_FINGER = bytes.fromhex("9000007f7f")
seven_bits = st.integers(0, 127)
frames = st.builds(lambda first, *rest: bytes((0x80 | first, *rest)), *[seven_bits] * SIZE)


def framed(*chunks):
    framer = make_framer()
    found = [frame for chunk in chunks for frame in framer.feed(chunk)]
    return found + list(framer.end()), framer


def tell(frame):
    return decode(frame).tell() if len(frame) == SIZE else None


def stretches(*chunks):
    stream = Stream(make_framer(), tell)
    found = [series for chunk in chunks for series in stream.feed(Chunk(*chunk))]
    return found + list(stream.end())


@pytest.mark.parametrize(
    ("sent", "field", "value"),
    [  # atbrask/CMS50Dplus@e916c59 unittests.py
        ("c000000000", "beep", True),
        ("807f000000", "pleth", 127),
        ("80000f0000", "bar", 15),
        ("8000407f00", "pulse", 255),
        ("8000007f00", "pulse", 127),
    ],
)
def test_each_field_stands_where_public_vectors_have_it(sent, field, value):
    assert getattr(decode(bytes.fromhex(sent)), field) == value


def test_the_pulse_has_eight_bits_and_255_is_none_of_them():
    pulses = {
        decode(bytes((0x80, 0, high << 6, low, 97))).values()[1]
        for high, low in product(range(2), range(128))
    }
    assert pulses == {None, *range(1, 255)}


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ("", 0),
        ("85400748", 4),
        ("854007486100", 5),
        ("0540074861", 0),
        ("85c0074861", 1),
        ("85400748e1", 4),
    ],
)
def test_a_frame_with_a_wrong_sync_bit_or_length_is_a_decode_error(sent, at):
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(sent))
    assert caught.value.at == at


@given(st.lists(frames), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    chunks = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert framed(*chunks)[0] == sent


@given(st.lists(frames, min_size=2), st.data())
def test_of_a_line_that_lost_or_got_a_byte_only_whole_frames_are_found(sent, data):
    line = bytearray(b"".join(sent))
    at = data.draw(st.integers(0, len(line) - 1))
    if data.draw(st.booleans()):
        del line[at]
    else:
        line.insert(at, data.draw(seven_bits))
    found, _ = framed(bytes(line))
    assert len(found) >= len(sent) - 2
    assert set(found) <= set(sent)


@given(st.binary(max_size=400))
def test_any_bytes_give_frames_that_decode_and_the_same_ones_byte_by_byte(line):
    found, framer = framed(line)
    assert framed(*(bytes([byte]) for byte in line))[0] == found
    assert all(decode(frame) if len(frame) == SIZE else len(frame) == 3 for frame in found)
    assert 0 <= framer.doubt <= MOST_DOUBT * SIZE


@given(st.lists(frames, max_size=60), st.lists(st.integers(0, 2000)))
def test_every_frame_with_a_finger_is_in_one_stretch_and_every_value_as_sent(sent, gaps):
    at_ms = 0
    chunks = []
    for number, frame in enumerate(sent):
        at_ms += gaps[number] if number < len(gaps) else 17
        chunks.append((frame, at_ms))
    found = stretches(*chunks)
    kept = [frame for frame in sent if not decode(frame).finger_out]
    assert b"".join(series.raw.data for series in found) == b"".join(kept)
    told = [
        [value for run in of for value in [run.value] * run.length]
        for of in ([run for series in found for run in series.channels[i].runs] for i in range(3))
    ]
    wanted = zip(*(decode(frame).values() for frame in kept), strict=True) if kept else [(), (), ()]
    assert told == [list(column) for column in wanted]


def test_a_stretch_ends_at_its_longest_when_the_finger_is_out_and_when_the_line_is_silent():
    longest, rest = stretches((FRAME * (LIVE.longest + 1), 0))
    assert (longest.count, rest.count) == (LIVE.longest, 1)
    assert [s.count for s in stretches((FRAME * 3 + NO_FINGER * 2 + FRAME * 4, 0))] == [3, 4]
    assert [s.count for s in stretches((FRAME * 3, 0), (b"", 2000), (FRAME, 9000))] == [3, 1]
    assert [s.count for s in stretches((FRAME * 3, 0), (FRAME, 1001))] == [3, 1]
    slow = stretches(*((FRAME, 900 * n) for n in range(70)))
    assert [(s.began_ms, s.ended_ms) for s in slow] == [(0, 59_400), (60_300, 62_100)]


def test_a_stretch_without_oxygen_and_pulse_has_failed():
    [series] = stretches((bytes.fromhex("854000007f") * 3, 0))
    assert series.failed
    [series] = stretches((bytes.fromhex("854000487f"), 0))
    assert not series.failed


def test_frames_that_noise_holds_by_chance_are_no_measurement():
    noise = bytes.fromhex("004861ff85400748") * 10
    assert all(series.failed for series in stretches((noise + FRAME + NO_FINGER * 2, 0)))
    assert not stretches((noise + FRAME * 60, 0))[-1].failed


def test_the_repr_of_a_series_shows_no_value():
    [series] = stretches((FRAME, 0))
    shown = repr((series, series.channels, series.channels[0].runs, Chunk(FRAME, 0)))
    assert not [secret for secret in ("97", "72", "\\x85", "raw") if secret in shown]


@settings(deadline=None)  # long lines
@given(st.integers(0), st.integers(200, 3000))
def test_no_noise_of_any_length_is_a_measurement(seed, size):
    assert all(series.failed for series in stretches((Random(seed).randbytes(size), 0)))


RECORDS = [bytes((0xF0, 0x80 | 60 + n % 40, 97 - n % 3)) for n in range(100)]


def recording(records):
    size = 3 * len(records) - 1
    length = bytes((0x80 | size >> 14, 0x80 | size >> 7 & 0x7F, size & 0x7F))
    return b"\xf2\x80\x00" * 3 + length + b"".join(records)


async def play(*script, bookmark=""):
    return await ScriptedPort(*script, bookmark=bookmark).play(ContecCms50())


async def fetch(records):
    return await play(
        Brings(FRAME),
        Writes(ASK),
        Brings(recording(records), 20),
        Commits(Series),
        IsSilent(2000),
        *[Commits(Series)] * (1 + len(records) // STORED.longest),
        Commits(Bookmark),
        Writes(STOP),
    )


async def test_a_recording_is_asked_for_committed_marked_and_only_then_ended():
    live, stored, bookmark = await fetch(RECORDS)
    assert (live.origin, live.raw.data) == (Origin.LIVE, FRAME)
    assert (stored.origin, stored.count, stored.rate) == (Origin.STORED, 100, 1)
    assert stored.raw.data == b"".join(RECORDS)
    assert bookmark.value.startswith("100-")


async def test_a_recording_that_was_fetched_before_is_ended_after_its_first_records():
    *_, bookmark = await fetch(RECORDS)
    items = await play(
        Brings(FRAME),
        Writes(ASK),
        Brings(recording(RECORDS)[: 12 + 3 * MARKED_RECORDS + 1], 20),
        Commits(Series),
        Commits(Bookmark),
        Writes(STOP),
        Brings(RECORDS[60][1:] + b"".join(RECORDS[61:]) + FRAME * 9, 50),
        Commits(Series),
        bookmark=bookmark.value,
    )
    assert [item.origin for item in items if isinstance(item, Series)] == [Origin.LIVE] * 2
    assert bookmark in items


async def test_another_recording_is_told_by_its_first_records_and_by_its_length():
    marks = {(await fetch(records))[-1].value for records in (RECORDS, RECORDS[1:], RECORDS[:99])}
    assert len(marks) == 3


async def test_a_recording_that_breaks_off_leaves_nothing_and_is_fetched_again():
    items = await play(
        Brings(FRAME), Writes(ASK), Brings(recording(RECORDS)[:-4], 20), Commits(Series)
    )
    assert [item.origin for item in items] == [Origin.LIVE]


async def test_a_day_of_records_is_cut_into_stretches_of_half_an_hour():
    _, *stored, _ = await fetch(RECORDS * 40)
    assert [series.count for series in stored] == [1800, 1800, 400]


async def test_a_length_that_is_no_number_of_records_is_no_recording():
    line = b"\xf2\x80\x00" * 3 + b"\x80\x80\x04" + b"".join(RECORDS[:2])
    assert await play(Brings(FRAME), Writes(ASK), Brings(line, 20), Commits(Series)) != []


def test_the_pulse_of_a_record_has_eight_bits():
    assert decode_record(bytes.fromhex("f08000")) == (0, 0)
    assert decode_record(bytes.fromhex("f1c861")) == (200, 97)


@pytest.mark.parametrize(
    ("sent", "at"), [("", 0), ("f080", 2), ("f2c861", 0), ("f00000", 1), ("f0c8e1", 2)]
)
def test_a_record_with_wrong_sync_bits_is_a_decode_error(sent, at):
    with pytest.raises(DecodeError) as caught:
        decode_record(bytes.fromhex(sent))
    assert caught.value.at == at
