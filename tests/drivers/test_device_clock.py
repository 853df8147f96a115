from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import device_clock
from drivers.device_clock import CURRENT_TIME, DATE_TIME
from drivers.errors import DecodeError
from drivers.spi import Frame

TIMES = st.datetimes(min_value=datetime.fromisoformat("1582-10-15"))


@pytest.mark.parametrize(
    ("characteristic", "sent", "time"),
    [
        (DATE_TIME, "e3070c190a1e2d", datetime.fromisoformat("2019-12-25T10:30:45")),
        (DATE_TIME, "e40701020a1530", datetime.fromisoformat("2020-01-02T10:21:48")),
        (CURRENT_TIME, "e9070c1f173b3b07ff06", datetime.fromisoformat("2025-12-31T23:59:59")),
        (CURRENT_TIME, "000000000c1e00010000", None),
    ],
)
def test_a_clock_shows_whole_seconds_or_that_it_was_never_set(characteristic, sent, time):
    # RonanB96/bluetooth-sig-python@27bdb3d tests/gatt/characteristics/
    assert device_clock.decode(Frame(characteristic, bytes.fromhex(sent))) == time


@given(TIMES, st.sampled_from((DATE_TIME, CURRENT_TIME)))
def test_what_is_written_to_a_clock_reads_back_to_the_second(time, characteristic):
    value = device_clock.encode(characteristic, time)
    assert len(value) == {DATE_TIME: 7, CURRENT_TIME: 10}[characteristic]
    shown = device_clock.decode(Frame(characteristic, value))
    assert timedelta(0) <= time - shown < timedelta(seconds=1)


def test_a_current_time_says_its_weekday_and_who_set_it():
    sunday = datetime.fromisoformat("2026-11-22T08:30:59.999999")
    assert device_clock.encode(CURRENT_TIME, sunday).hex() == "ea070b16081e3b" + "070002"


@given(st.binary(max_size=12), st.sampled_from((DATE_TIME, CURRENT_TIME)))
def test_any_bytes_are_a_time_or_refused(data, characteristic):
    with suppress(DecodeError):
        time = device_clock.decode(Frame(characteristic, data))
        assert time is None or device_clock.encode(DATE_TIME, time) == data[:7]
