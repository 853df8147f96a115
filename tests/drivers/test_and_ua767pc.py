from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.and_ua767pc import AndUa767Pc, Framer, decode
from drivers.errors import DecodeError
from drivers.spi import Chunk, Origin, Reading, Undecodable
from tests.fakes.scripted_port import Brings, Commits, IsSilent, ScriptedPort

FRAME = b"802850485D"
measurements = st.binary(min_size=4, max_size=4).map(
    lambda data: b"80" + data.hex().upper().encode()
)


def framed(*chunks):
    framer = Framer()
    found = [frame for data, at_ms in chunks for frame in framer.feed(Chunk(data, at_ms))]
    return found + list(framer.end())


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_the_systolic_is_the_sum_of_two_fields_and_the_others_stand_as_sent(more, low, rate, mean):
    reading = decode(b"80" + bytes((more, low, rate, mean)).hex().upper().encode())
    values = [int(seen.value) for seen in reading.observations]
    assert values == [more + low, low, mean, rate]
    assert (reading.origin, reading.failed, reading.device_time) == (Origin.UNKNOWN, False, None)


@pytest.mark.parametrize("code", [b"81", b"82", b"83"])
def test_an_error_code_is_a_failed_measurement(code):
    reading = decode(code + b"00000000")
    assert reading.failed
    assert reading.observations == ()
    assert reading.attributes == {"code": int(code, 16)}


@pytest.mark.parametrize(
    ("sent", "at"),
    [(b"", 0), (b"80285048", 8), (b"81285048ZZ", 8), (b"842850485D", 0), (FRAME + b"0", 10)],
)
def test_what_is_no_frame_is_a_decode_error(sent, at):
    with pytest.raises(DecodeError) as caught:
        decode(sent)
    assert caught.value.at == at


@given(st.binary(max_size=20))
def test_any_bytes_decode_or_are_a_decode_error(data):
    with suppress(DecodeError):
        assert decode(data).raw


@given(st.lists(measurements, max_size=9), st.sampled_from([b"", b"\r\n", b"\x03"]), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, end, data):
    line = b"".join(frame + end for frame in sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(line) - 1)))))
    chunks = [line[a:b] for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)]
    assert framed(*((chunk, 0) for chunk in chunks if chunk)) == sent


@given(st.lists(measurements, min_size=1, max_size=9), st.data())
def test_of_a_line_that_lost_or_got_a_digit_nothing_is_read(sent, data):
    line = bytearray(b"".join(sent))
    at = data.draw(st.integers(1, len(line) - 1))
    if data.draw(st.booleans()):
        del line[at]
    else:
        line.insert(at, data.draw(st.sampled_from(b"0123456789ABCDEF")))
    [frame] = framed((bytes(line), 0))
    with pytest.raises(DecodeError):
        decode(frame)


@settings(deadline=None)  # long lines
@given(st.integers(0), st.integers(200, 3000))
def test_no_noise_is_a_measurement(seed, size):
    for frame in framed((Random(seed).randbytes(size), 0)):
        with pytest.raises(DecodeError):
            decode(frame)


async def test_a_measurement_is_handed_on_once_the_line_falls_silent():
    script = (Brings(FRAME[:4]), Brings(FRAME[4:], 10), IsSilent(2010), Commits(Reading))
    more = (Brings(FRAME[:4], 9000), Brings(FRAME, 12_000), Commits(Undecodable), Commits(Reading))
    items = await ScriptedPort(*script, *more).play(AndUa767Pc())
    assert [item.raw[0].data for item in items] == [FRAME, FRAME[:4], FRAME]
