from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.device_clock import encode
from drivers.errors import DecodeError, LinkLost
from drivers.spi import ClockRead, ClockSet, DeviceInformation, Frame, Reading, Undecodable
from drivers.thermometer import Thermometer, decode
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    Reads,
    ScriptedLink,
    Subscribes,
    Writes,
)

NOON = datetime.fromisoformat("2026-03-08T12:00")
FEVER = bytes.fromhex("02870100ffea070b16080100")
TIME = bytes.fromhex("ea070b16080100")


@given(st.binary(max_size=16), st.sampled_from(("", "A&D_UT201BLE_000000")))
def test_any_bytes_are_a_reading_or_a_decode_error(frame, name):
    try:
        reading = decode(frame, name)
    except DecodeError:
        return
    assert reading.raw == (Frame("2A1C", frame),)
    assert all(seen.value.is_finite() for seen in reading.observations)
    assert reading.failed == (not reading.observations) == ("special" in reading.attributes)


@given(st.integers(0, 0xFF), st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=1))
def test_a_frame_has_the_length_that_its_flags_say(flags, temperature, site):
    frame = bytes((flags,)) + temperature
    frame += TIME if flags & 2 else b""
    frame += site if flags & 4 else b""
    assert decode(frame).attributes.get("unknown_flags", 0) == flags & 0xF8
    with pytest.raises(DecodeError) as caught:
        decode(frame + b"\0")
    assert caught.value.at == len(frame)


@pytest.mark.parametrize(
    ("number", "site"), [(1, "armpit"), (6, "mouth"), (9, "tympanum"), (0, 0), (10, 10)]
)
def test_a_site_has_a_name_or_stays_a_number(number, site):
    frame = bytes.fromhex("04740100ff") + bytes((number,))
    assert decode(frame).attributes == {"site": site}


def test_a_reading_shows_no_values_in_its_repr():
    assert "39.1" not in repr(decode(FEVER))
    assert "2026" not in repr(decode(FEVER))


async def test_an_intermediate_temperature_is_not_asked_for():
    link = ScriptedLink(
        Reads("2A24", b"T1"),
        Commits(DeviceInformation),
        Subscribes("2A1C"),
        Reads("2A08", encode("2A08", NOON - timedelta(hours=1))),
        Commits(ClockRead),
        Writes("2A08", encode("2A08", NOON)),
        Commits(ClockSet),
        Indicates("2A1C", FEVER),
        Commits(Reading),
        Indicates("2A1C", FEVER[:-1]),
        Commits(Undecodable),
        now=NOON,
    )
    *_, reading, cut = await link.play(Thermometer())
    assert str(reading.observations[0].value) == "39.1"
    assert cut.raw == (Frame("2A1C", FEVER[:-1]),)


async def test_an_a_and_d_thermometer_is_set_whatever_its_clock_shows():
    link = ScriptedLink(
        Subscribes("2A1C"),
        Reads("2A08", encode("2A08", NOON)),
        Commits(ClockRead),
        Writes("2A08", encode("2A08", NOON)),
        Commits(ClockSet),
        name="A&D_UT201BLE_000000",
        now=NOON,
    )
    await link.play(Thermometer())


async def test_a_thermometer_that_goes_away_ends_the_session():
    link = ScriptedLink(Subscribes("2A1C"), Indicates("2A1C", LinkLost("thermometer")))
    with pytest.raises(LinkLost):
        await link.play(Thermometer())
