import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError, LinkLost
from drivers.scale import Scale, decode
from drivers.scale_composition import FIELDS, decode_packet
from drivers.spi import Battery, Frame, Reading, Undecodable
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    Reads,
    ScriptedLink,
    Silence,
    Subscribes,
)

BOTH = Subscribes("2A9D", "2A9C")
WEIGHT = bytes.fromhex("00b036")
FIRST = bytes.fromhex("1e10e600ea070b1608010001cb198d01")
SECOND = bytes.fromhex("6610e600ea070b1608010001e02e1027")
TIME = bytes.fromhex("ea070b16080100")


@given(st.binary(max_size=18), st.sampled_from(("", "A&D_UC-352BLE_000000")))
def test_any_bytes_are_a_weight_or_a_decode_error(frame, name):
    try:
        reading = decode(frame, name)
    except DecodeError:
        return
    assert reading.raw == (Frame("2A9D", frame),)
    assert all(seen.value.is_finite() for seen in reading.observations)
    assert reading.failed == (frame[1:3] == b"\xff\xff")


@given(st.binary(max_size=34))
def test_any_bytes_are_a_body_composition_or_a_decode_error(frame):
    try:
        packet = decode_packet(frame)
    except DecodeError:
        return
    assert packet.raw == (Frame("2A9C", frame),)
    assert all(seen.value.is_finite() for seen in packet.seen.values())
    assert packet.reading("").failed == (frame[2:4] == b"\xff\xff")


@given(st.integers(0, 0xFFFF), st.binary(min_size=26, max_size=26))
def test_a_body_composition_has_the_fields_that_its_flags_say(flags, fields):
    fields = fields[:2] + TIME + fields[2:] if flags & 2 else fields
    size = 2 + 2 + 7 * (flags >> 1 & 1) + (flags >> 2 & 1)
    size += 2 * sum(bool(flags & field.flag) for field in FIELDS)
    frame = (flags.to_bytes(2, "little") + fields)[:size]
    reading = decode_packet(frame).reading("")
    assert reading.attributes.get("unknown_flags", 0) == flags & 0xE000
    assert ("user_id" in reading.attributes) == bool(flags & 4)
    with pytest.raises(DecodeError) as caught:
        decode_packet(frame + b"\0")
    assert caught.value.at == size


@given(st.integers(0, 0xFFFE))
def test_a_mass_is_what_was_sent_times_its_resolution(sent):
    frame = sent.to_bytes(2, "little")
    [kilograms] = decode(b"\x00" + frame).observations
    [pounds] = decode(b"\x01" + frame).observations
    assert (str(kilograms.value), kilograms.unit) == (f"{sent * 5 / 1000:.3f}", "kg")
    assert (str(pounds.value), pounds.unit) == (f"{sent / 100:.2f}", "[lb_av]")


async def play(*script):
    return await ScriptedLink(BOTH, *script).play(Scale())


async def test_two_packets_are_one_reading_of_both_frames():
    [reading] = await play(Indicates("2A9C", FIRST), Indicates("2A9C", SECOND), Commits(Reading))
    assert reading.raw == (Frame("2A9C", FIRST), Frame("2A9C", SECOND))
    assert len(reading.observations) == 5
    assert reading.status == ()


async def test_a_weight_between_two_packets_does_not_part_them():
    weight, body = await play(
        Indicates("2A9C", FIRST),
        Indicates("2A9D", WEIGHT),
        Commits(Reading),
        Indicates("2A9C", SECOND),
        Commits(Reading),
    )
    assert (len(weight.observations), len(body.observations)) == (1, 5)


@pytest.mark.parametrize(
    "other",
    [
        SECOND[:2] + b"\xe7\x00" + SECOND[4:],
        SECOND[:10] + b"\x01" + SECOND[11:],
        SECOND[:11] + b"\x02" + SECOND[12:],
        FIRST,
    ],
    ids=["another body fat", "another time", "another user", "nothing more"],
)
async def test_a_packet_that_contradicts_the_first_stands_by_itself(other):
    readings = await play(
        Indicates("2A9C", FIRST),
        Indicates("2A9C", other),
        Commits(Reading),
        Silence(),
        Commits(Reading),
    )
    assert [reading.raw[0].data for reading in readings] == [FIRST, other]
    assert {reading.status for reading in readings} == {("other_packet_missing",)}


async def test_a_first_packet_survives_one_that_cannot_be_decoded():
    cut, reading = await play(
        Indicates("2A9C", FIRST),
        Indicates("2A9C", SECOND[:-1]),
        Commits(Undecodable),
        Indicates("2A9C", SECOND),
        Commits(Reading),
    )
    assert cut.error.at == 14
    assert len(reading.raw) == 2


async def test_what_is_held_is_handed_on_when_the_link_breaks():
    link = ScriptedLink(
        BOTH, Indicates("2A9C", FIRST), Indicates("2A9C", LinkLost("scale")), Commits(Reading)
    )
    with pytest.raises(LinkLost):
        await link.play(Scale())
    assert [item.raw[0].data for item in link.items] == [FIRST]


async def test_a_scale_without_body_composition_is_not_asked_for_it():
    link = ScriptedLink(
        Subscribes("2A9D"),
        Reads("2A19", b"\x42"),
        Commits(Battery),
        Indicates("2A9D", WEIGHT),
        Commits(Reading),
        Indicates("2A9D", WEIGHT),
        Commits(Reading),
    )
    _, first, again = await link.play(Scale())
    assert first == again == decode(WEIGHT)


def test_a_reading_shows_no_values_in_its_repr():
    assert "70" not in repr(decode(WEIGHT)).replace("Frame", "")
    assert "23.0" not in repr(decode_packet(FIRST).reading(""))
