from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.health_elapsed_time import decode_clock, read
from drivers.reader import Reader
from drivers.spi import Frame

BEGIN = datetime.fromisoformat("2000-01-01T00:00")


def stamp(flags, count, source=0, offset=0):
    value = bytes((flags,)) + count.to_bytes(6, "little") + bytes((source, offset % 256))
    return read(Reader(value), value)


@pytest.mark.parametrize(
    ("flags", "count", "shown"),
    [
        (0x22, 690724210, "2021-11-20T11:50:10"),  # stm32-hotspot STM32WBA GHS sample ghs_app.c
        (0x26, 6907242105, "2021-11-20T11:50:10.5"),
        (0x2A, 690724210123, "2021-11-20T11:50:10.123"),
        (0x2E, 6907242101234, "2021-11-20T11:50:10.1234"),
    ],
)
def test_a_count_is_of_seconds_or_of_their_parts(flags, count, shown):
    assert stamp(flags, count).time == datetime.fromisoformat(shown)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (0x22, {"clock": "utc"}),
        (0x20, {"clock": "local"}),
        (0x32, {"clock": "utc", "utc_offset_min": -345}),
        (0x30, {"clock": "local", "utc_offset_min": -345}),
        (0x21, {"ticks": 1}),
        (0xE2, {"clock": "utc", "unknown_time_flags": 0xC0}),
    ],
)
def test_what_the_count_means_is_told_beside_it(flags, said):
    assert stamp(flags, 1, 4, -23).attributes == {"time_source": 4, **said}


def test_a_stamp_of_an_earlier_timeline_says_so():
    assert [stamp(flags, 1).is_current for flags in (0x22, 0x02)] == [True, False]


@given(st.binary(max_size=13))
def test_any_bytes_are_a_clock_or_refused(value):
    try:
        clock = decode_clock(Frame("2BF2", value))
    except DecodeError:
        return
    assert len(value) == 11
    assert (clock.device_time is None) == bool(value[0] & 1 or value[9] & 1)
    assert clock.device_time is None or clock.device_time >= BEGIN
