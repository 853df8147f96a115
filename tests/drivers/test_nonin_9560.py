from contextlib import suppress
from datetime import datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.nonin_9560 import (
    GET_TIME,
    SELECT_FORMAT_13,
    Nonin9560,
    set_time,
)
from drivers.nonin_9560_format import HEADER, Framer, decode
from drivers.spi import ClockRead, ClockSet, Origin, Reading, Undecodable
from tests.fakes.scripted_port import Brings, Commits, IsSilent, ScriptedPort, Writes

LIVE = bytes.fromhex("0002000d000e20251122080100000200004800612c03")
STORED = bytes.fromhex("0002000d000e202511212159000002110050005fb303")
TIME = bytes.fromhex("02f206190b1608010003")
at = datetime.fromisoformat
NOON = at("2025-11-22T12:00:00")
ASKED = (Writes(SELECT_FORMAT_13), Writes(GET_TIME))


def spot_check(data):
    return HEADER + len(data).to_bytes(2, "big") + data + bytes((sum(data) & 0xFF, 3))


data = st.binary(min_size=14, max_size=64)
spot_checks = data.map(spot_check)


def test_commands_are_those_of_the_document_and_may_be_written():
    assert bytes.fromhex("027002020d03") == SELECT_FORMAT_13  # nonin9560-setfmt-0D
    set_ = set_time(at("2050-12-31T14:30:15"))
    assert set_ == bytes.fromhex("027206320c1f0e1e0f03")  # nonin9560-settime
    for command in (SELECT_FORMAT_13, GET_TIME, set_):
        assert any(command.startswith(allowed) for allowed in Nonin9560.info.commands)


def test_no_other_format_can_be_selected():
    other = bytes.fromhex("027002020703")  # nonin9560-setfmt-07
    assert not any(other.startswith(allowed) for allowed in Nonin9560.info.commands)


async def test_what_was_kept_is_committed_before_the_clock_is_set():
    items = await ScriptedPort(
        *ASKED,
        Brings(b"\x06" + TIME + STORED),
        Commits(ClockRead),
        Commits(Reading),
        Brings(LIVE, 1000),
        Commits(Reading),
        IsSilent(3000),
        Writes(set_time(NOON)),
        Commits(ClockSet),
        Brings(LIVE, 60_000),
        Commits(Reading),
        IsSilent(63_000),
        now=NOON,
    ).play(Nonin9560())
    read, stored, live, set_, _ = items
    assert (read.device_time, set_.device_time) == (at("2025-11-22T08:01:00"), NOON)
    assert (stored.origin, live.origin) == (Origin.STORED, Origin.LIVE)


@pytest.mark.parametrize("now", [None, at("2025-11-22T08:01:29")])
async def test_a_clock_that_is_right_is_left_alone_and_any_while_the_hub_does_not_know(now):
    script = (Brings(TIME), Commits(ClockRead), IsSilent(3000))
    assert len(await ScriptedPort(*ASKED, *script, now=now).play(Nonin9560())) == 1


async def test_a_clock_that_was_lost_is_set():
    lost = bytes.fromhex("02f20600000000000003")
    script = (Brings(lost), Commits(ClockRead), IsSilent(1), Writes(set_time(NOON)))
    items = await ScriptedPort(*ASKED, *script, Commits(ClockSet), now=NOON).play(Nonin9560())
    assert items[0].device_time is None


async def test_what_does_not_decode_is_handed_on_and_does_not_stop_the_next():
    damaged = LIVE[:-2] + b"\x2d\x03"
    script = (Brings(damaged + LIVE), Commits(Undecodable), Commits(Reading))
    undecodable, reading = await ScriptedPort(*ASKED, *script).play(Nonin9560())
    assert undecodable.raw[0].data == damaged
    assert reading.raw[0].data == LIVE


@given(st.datetimes(at("2000-01-01T00:00:00"), at("2099-12-31T23:59:59")))
def test_a_date_is_the_same_in_decimal_digits_and_in_plain_binary(time):
    time = time.replace(microsecond=0)
    fields = (time.year // 100, time.year % 100, *time.timetuple()[1:6])
    rest = bytes.fromhex("00" + "0200" + "0048" + "0061")
    decimal = bytes(int(str(field), 16) for field in fields)
    for date in (decimal, bytes(fields)):
        assert decode(spot_check(date + rest)).device_time == time
    assert decode(set_time(time).replace(b"\x02\x72", b"\x02\xf2", 1)).device_time == time


@given(st.lists(spot_checks | st.just(TIME), max_size=8), st.data())
def test_frames_are_found_however_the_bytes_are_cut(sent, data):
    line = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)))))
    framer = Framer()
    found = [
        frame
        for a, b in zip([0, *cuts], [*cuts, len(line)], strict=True)
        for frame in framer.feed(line[a:b])
    ]
    assert found == sent


@given(st.binary(max_size=300))
def test_any_bytes_are_dropped_or_decode_or_are_a_decode_error_and_byte_by_byte_alike(line):
    framer, single = Framer(), Framer()
    found = list(framer.feed(line))
    assert [f for each in line for f in single.feed(bytes([each]))] == found
    for frame in found:
        with suppress(DecodeError):
            assert decode(frame).raw


@settings(deadline=None)  # long lines
@given(st.integers(0), st.integers(200, 3000))
def test_no_noise_is_a_reading(seed, size):
    for frame in Framer().feed(Random(seed).randbytes(size)):
        with suppress(DecodeError):
            assert not isinstance(decode(frame), Reading)


@given(spot_checks, st.integers(0, 60), st.integers(1, 255))
def test_no_spot_check_with_one_other_byte_in_its_data_is_a_reading(sent, place, change):
    changed = bytearray(sent)
    changed[6 + place % (len(sent) - 8)] ^= change
    with pytest.raises(DecodeError):
        decode(bytes(changed))


@given(st.binary(max_size=80))
def test_any_bytes_decode_or_are_a_decode_error(data):
    with suppress(DecodeError):
        assert decode(data).raw
