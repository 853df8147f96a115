from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError, LinkError, LinkLost
from drivers.pulse_oximeter import ALL_RECORDS, PulseOximeter, decode
from drivers.pulse_oximeter_frames import decode_stream
from drivers.pulse_oximeter_status import MEASUREMENT_STATUS, SENSOR_STATUS
from drivers.spi import DeviceEvent, Frame, Origin, Reading, Series, Undecodable
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    ScriptedLink,
    Silence,
    Subscribes,
    Writes,
)

SPOT = bytes.fromhex("0161004800ea070b16080100")
STORED = bytes.fromhex("0361004800ea070b160801000002")
SAMPLE = bytes.fromhex("0061004800")
FINGER_OUT = bytes.fromhex("0861004800000800")
DONE, NONE, REFUSED = (bytes.fromhex(f"060001{code}") for code in ("01", "06", "08"))
UNABLE = bytes.fromhex("06000102")
TIME = bytes.fromhex("ea070b16080100")
MIGHTY_SAT = Subscribes("2A5E", "2A52")
STREAMER = Subscribes("2A5E", "2A5F")


@given(st.binary(max_size=24))
def test_any_bytes_are_a_spot_check_or_a_decode_error(frame):
    try:
        said = decode(frame)
    except DecodeError:
        return
    assert said.raw == (Frame("2A5E", frame),)
    if isinstance(said, Reading):
        special = said.attributes.get("special", {})
        assert all(seen.value.is_finite() for seen in said.observations)
        assert special.keys().isdisjoint(seen.metric.name for seen in said.observations)


@given(st.binary(max_size=48))
def test_any_bytes_are_samples_or_a_decode_error(data):
    try:
        samples = list(decode_stream(data))
    except DecodeError:
        return
    assert b"".join(sample.frame for sample in samples) == data
    assert len({frozenset(sample.attributes) for sample in samples}) == 1


@given(st.integers(0, 0xFF), st.binary(min_size=11, max_size=11))
def test_a_spot_check_has_the_length_that_its_flags_say(flags, fields):
    frame = bytes((flags,)) + fields[:4]
    frame += TIME if flags & 1 else b""
    frame += b"\0\0" if flags & 2 else b""
    frame += fields[6:9] if flags & 4 else b""
    frame += fields[9:11] if flags & 8 else b""
    assert decode(frame).attributes.get("unknown_flags", 0) == flags & 0xE0
    with pytest.raises(DecodeError) as caught:
        decode(frame + b"\0")
    assert caught.value.at == len(frame)


@pytest.mark.parametrize(("size", "names"), [(2, MEASUREMENT_STATUS), (3, SENSOR_STATUS)])
def test_every_status_bit_has_a_name_of_its_own(size, names):
    flag = {2: b"\x02", 3: b"\x04"}[size]
    assert len(set(names)) == 8 * size
    for bit, name in enumerate(names):
        said = decode(flag + SAMPLE[1:] + (1 << bit).to_bytes(size, "little"))
        if isinstance(said, DeviceEvent):
            assert said.name.replace("-", "_") == name
        else:
            assert said.status == (name,)


@pytest.mark.parametrize(
    ("frame", "time"),
    [
        (SPOT, datetime.fromisoformat("2026-11-22T08:01")),
        (b"\x11" + SPOT[1:], None),
        (SPOT[:5] + bytes.fromhex("e107010117362a"), None),
        (SPOT[:5] + bytes.fromhex("e1070102000000"), datetime.fromisoformat("2017-01-02T00:00")),
        (SPOT[:5] + bytes(7), None),
    ],
    ids=["set", "never set", "the first day of such clocks", "the day after", "not known"],
)
def test_a_spot_check_has_a_time_only_where_the_clock_was_set(frame, time):
    reading = decode(frame)
    assert (reading.device_time, reading.origin) == (time, Origin.UNKNOWN)


async def test_what_is_stored_comes_first_and_is_not_deleted():
    link = ScriptedLink(
        MIGHTY_SAT,
        Writes("2A52", ALL_RECORDS),
        Indicates("2A5E", STORED),
        Commits(Reading),
        Indicates("2A5E", STORED[:-1]),
        Commits(Undecodable),
        Indicates("2A52", DONE),
        Indicates("2A5E", SPOT),
        Commits(Reading),
    )
    stored, _, spot = await link.play(PulseOximeter())
    assert (stored.origin, spot.origin) == (Origin.STORED, Origin.UNKNOWN)


@pytest.mark.parametrize("answer", [NONE, UNABLE])
async def test_an_oximeter_without_records_gives_its_spot_checks(answer):
    link = ScriptedLink(
        MIGHTY_SAT,
        Writes("2A52", ALL_RECORDS),
        Indicates("2A52", answer),
        Indicates("2A5E", SPOT),
        Commits(Reading),
    )
    await link.play(PulseOximeter())


async def test_a_refusal_is_an_event_with_its_reason():
    link = ScriptedLink(
        MIGHTY_SAT,
        Writes("2A52", ALL_RECORDS),
        Indicates("2A52", REFUSED),
        Commits(DeviceEvent),
        Indicates("2A5E", SPOT),
        Commits(Reading),
    )
    event, _ = await link.play(PulseOximeter())
    assert (event.name, event.facts) == ("records-refused", {"outcome": 8})
    assert event.raw == (Frame("2A52", REFUSED),)


async def test_an_answer_that_is_none_travels_as_it_came():
    link = ScriptedLink(
        MIGHTY_SAT,
        Writes("2A52", ALL_RECORDS),
        Indicates("2A52", b"\x06"),
        Commits(Undecodable),
        Indicates("2A5E", SPOT),
        Commits(Reading),
    )
    unknown, _ = await link.play(PulseOximeter())
    assert unknown.raw == (Frame("2A52", b"\x06"),)


async def test_an_oximeter_that_leaves_while_it_reports_ends_the_session():
    link = ScriptedLink(MIGHTY_SAT, Writes("2A52", ALL_RECORDS, LinkLost("oximeter")))
    with pytest.raises(LinkLost):
        await link.play(PulseOximeter())


async def test_a_minute_of_a_stream_is_one_stretch_and_the_rest_another():
    link = ScriptedLink(
        STREAMER,
        *[Indicates("2A5F", SAMPLE)] * 61,
        Commits(Series),
        Indicates("2A5F", SAMPLE),
        Silence(),
        Commits(Series),
    )
    minute, rest = await link.play(PulseOximeter())
    assert (minute.count, minute.ended_ms - minute.began_ms, minute.rate) == (60, 59_000, 1)
    assert minute.raw == Frame("2A5F", SAMPLE * 60)
    assert (rest.count, rest.began_ms - minute.ended_ms) == (2, 1000)


async def test_a_pause_parts_two_stretches():
    link = ScriptedLink(
        STREAMER,
        Indicates("2A5F", SAMPLE),
        Indicates("2A5F", SAMPLE, 5000),
        Indicates("2A5F", SAMPLE, 5001),
        Commits(Series),
        Silence(),
        Commits(Series),
    )
    assert [series.count for series in await link.play(PulseOximeter())] == [2, 1]


async def test_a_stretch_without_a_finger_has_failed():
    link = ScriptedLink(
        STREAMER,
        Indicates("2A5F", FINGER_OUT),
        Indicates("2A5F", FINGER_OUT),
        Silence(),
        Commits(Series),
    )
    [series] = await link.play(PulseOximeter())
    assert series.failed
    assert series.attributes == {"sensor_unconnected_to_user": ((1, 2),)}


async def test_a_stream_goes_on_past_a_frame_that_cannot_be_decoded():
    link = ScriptedLink(
        STREAMER,
        Indicates("2A5F", SAMPLE),
        Indicates("2A5F", SAMPLE[:-1]),
        Commits(Undecodable),
        Indicates("2A5F", SAMPLE),
        Silence(),
        Commits(Series),
    )
    _, series = await link.play(PulseOximeter())
    assert series.channels[0].runs == ((Decimal(97), 2),)


async def test_a_stretch_is_handed_on_when_the_link_breaks():
    link = ScriptedLink(
        STREAMER,
        Indicates("2A5F", SAMPLE),
        Indicates("2A5F", LinkError("oximeter")),
        Commits(Series),
    )
    with pytest.raises(LinkError):
        await link.play(PulseOximeter())


async def test_97_and_97_point_0_are_two_runs_as_sent():
    link = ScriptedLink(
        STREAMER,
        Indicates("2A5F", SAMPLE),
        Indicates("2A5F", bytes.fromhex("00caf34800")),
        Silence(),
        Commits(Series),
    )
    [series] = await link.play(PulseOximeter())
    assert [str(run.value) for run in series.channels[0].runs] == ["97", "97.0"]
