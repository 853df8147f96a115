from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.blood_pressure import BloodPressure, decode, decode_cuff
from drivers.device_clock import encode
from drivers.errors import DecodeError, LinkError, LinkLost
from drivers.spi import (
    Battery,
    ClockRead,
    ClockSet,
    DeviceInformation,
    Frame,
    Origin,
    Reading,
    Undecodable,
)
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    Reads,
    ScriptedLink,
    Subscribes,
    Writes,
)

NOON = datetime.fromisoformat("2026-03-08T12:00")
FRAME = bytes.fromhex("167d0050006600e10701100c273640000000")  # HEADS-project/ThingML-BLE@a7aa158
CLOCKLESS = bytes.fromhex("047800500060004800")
BM85 = bytes.fromhex("566a0047000000ea07080b121f00003f000000")
A_AND_D = "A&D_UA-651BLE_004B6B"
NAMES = st.sampled_from(("", A_AND_D, "BM85", "BLESmart_0000011F"))


@given(st.binary(max_size=24), NAMES)
def test_any_bytes_are_a_reading_or_a_decode_error(frame, name):
    try:
        reading = decode(frame, name)
    except DecodeError:
        return
    special = set(reading.attributes.get("special", {}))
    assert reading.raw == (Frame("2A35", frame),)
    assert all(seen.value.is_finite() for seen in reading.observations)
    assert special.isdisjoint(seen.metric.name for seen in reading.observations)


@given(st.integers(0, 0xFF), st.binary(min_size=18, max_size=18), NAMES)
def test_a_frame_with_one_byte_more_is_a_decode_error(flags, fields, name):
    fields = fields[:6] + FRAME[7:14] + fields[6:] if flags & 2 else fields
    size = 7 + 7 * (flags >> 1 & 1) + 2 * (flags >> 2 & 1) + (flags >> 3 & 1)
    size += 2 * (flags >> 4 & 1) + (name == "BM85" and flags == 0x56)
    frame = bytes([flags]) + fields
    assert decode(frame[:size], name).attributes.get("unknown_flags", 0) == flags & 0xE0
    with pytest.raises(DecodeError) as caught:
        decode(frame[:size] + b"\0", name)
    assert caught.value.at == size


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        (0x0000, ()),
        (0x0007, ("body_movement", "cuff_too_loose", "irregular_pulse")),
        (0x0008, ("pulse_above_range",)),
        (0x0010, ("pulse_below_range",)),
        (0x0018, ("pulse_range_reserved",)),
        (0x8060, ("improper_position", "status_bit_6", "status_bit_15")),
    ],
)
def test_the_status_is_told_by_name(bits, names):
    frame = bytes.fromhex("10780050006000") + bits.to_bytes(2, "little")
    assert decode(frame).status == names


def test_the_bytes_of_a_bm85_are_read_its_way_only_under_its_name():
    assert decode(BM85, "Beurer bm85").attributes["user_id"] == 0
    with pytest.raises(DecodeError, match="byte 18 of 19"):
        decode(BM85, "Beurer BM54")


def test_a_bm85_status_is_big_endian_as_well():
    assert decode(BM85[:-1] + b"\x04", "BM85").status == ("irregular_pulse",)


def test_a_clock_that_was_never_set_gives_no_device_time():
    unset = FRAME[:7] + bytes(7) + FRAME[14:]
    reading = decode(unset)
    assert (reading.device_time, reading.origin) == (None, Origin.UNKNOWN)


def test_a_frame_without_time_is_live_unless_the_cuff_stores_such():
    assert decode(CLOCKLESS).origin is Origin.LIVE
    assert decode(CLOCKLESS, A_AND_D).origin is Origin.UNKNOWN


def test_a_reading_shows_no_values_in_its_repr():
    assert "125" not in repr(decode(FRAME))
    assert "2017" not in repr(decode(FRAME))


async def test_the_clock_read_is_committed_before_the_clock_is_written():
    link = ScriptedLink(
        Reads("2A29", b"A&D Medical "),
        Reads("2A24", b"UA-651BLE\0"),
        Reads("2A25", b"5140700001"),
        Reads("2A26", b""),
        Reads("2A28", b"BLP1.0"),
        Commits(DeviceInformation),
        Subscribes("2A35"),
        Reads("2A08", encode("2A08", NOON - timedelta(days=3))),
        Commits(ClockRead),
        Writes("2A08", encode("2A08", NOON)),
        Commits(ClockSet),
        Reads("2A19", b"\x42"),
        Commits(Battery),
        Indicates("2A35", FRAME),
        Commits(Reading),
        name=A_AND_D,
        now=NOON + timedelta(microseconds=999_999),
    )
    said, read, was_set, battery, reading = await link.play(BloodPressure())
    assert (read.device_time, was_set.device_time) == (NOON - timedelta(days=3), NOON)
    assert said == DeviceInformation("A&D Medical", "UA-651BLE", "5140700001", "BLP1.0")
    assert battery.percent == 66
    assert reading == decode(FRAME, A_AND_D)


async def test_an_a_and_d_is_given_back_its_own_time_while_the_hub_has_none():
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A08", encode("2A08", NOON)),
        Commits(ClockRead),
        Writes("2A08", encode("2A08", NOON)),
        Commits(ClockSet),
        name=A_AND_D,
    )
    assert (await link.play(BloodPressure()))[1].device_time == NOON


async def test_an_a_and_d_is_not_written_to_while_nobody_knows_the_time():
    link = ScriptedLink(
        Subscribes("2A35"), Reads("2A08", bytes(7)), Commits(ClockRead), name=A_AND_D
    )
    assert (await link.play(BloodPressure()))[0].device_time is None


@pytest.mark.parametrize("answer", [LinkError("cuff"), b"\xff" * 7])
async def test_an_a_and_d_is_set_though_its_clock_cannot_be_read(answer):
    seen = () if isinstance(answer, LinkError) else (Commits(Undecodable),)
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A08", answer),
        *seen,
        Writes("2A08", encode("2A08", NOON)),
        Commits(ClockSet),
        name=A_AND_D,
        now=NOON,
    )
    await link.play(BloodPressure())


@pytest.mark.parametrize("answer", [LinkError("cuff"), b"\xff" * 7])
async def test_a_clock_that_cannot_be_read_is_otherwise_left_alone(answer):
    seen = () if isinstance(answer, LinkError) else (Commits(Undecodable),)
    link = ScriptedLink(Subscribes("2A35"), Reads("2A08", answer), *seen, now=NOON)
    await link.play(BloodPressure())


@pytest.mark.parametrize(
    ("off_s", "is_written"), [(0, False), (30, False), (-31, True), (31, True)]
)
@pytest.mark.parametrize("characteristic", ["2A08", "2A2B"])
async def test_a_clock_is_set_when_it_is_more_than_30_s_off(characteristic, off_s, is_written):
    writing = (Writes(characteristic, encode(characteristic, NOON)), Commits(ClockSet))
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads(characteristic, encode(characteristic, NOON + timedelta(seconds=off_s))),
        Commits(ClockRead),
        *(writing if is_written else ()),
        now=NOON,
    )
    await link.play(BloodPressure())


async def test_a_clock_that_was_never_set_is_set():
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A2B", bytes(10)),
        Commits(ClockRead),
        Writes("2A2B", encode("2A2B", NOON)),
        Commits(ClockSet),
        now=NOON,
    )
    await link.play(BloodPressure())


@pytest.mark.parametrize("name", ["BLEsmart_0000011F", "BLESmart_0000011F"])
async def test_an_omron_blesmart_is_never_written_to(name):
    link = ScriptedLink(
        Subscribes("2A35"), Reads("2A2B", bytes(10)), Commits(ClockRead), name=name, now=NOON
    )
    await link.play(BloodPressure())


async def test_a_clock_that_refuses_to_be_set_costs_no_reading():
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A2B", bytes(10)),
        Commits(ClockRead),
        Writes("2A2B", encode("2A2B", NOON), LinkError("cuff")),
        Indicates("2A35", FRAME),
        Commits(Reading),
        now=NOON,
    )
    await link.play(BloodPressure())


async def test_a_clockless_cuff_gives_its_readings_and_what_it_repeats_as_often_as_it_sends_it():
    link = ScriptedLink(
        Subscribes("2A35"),
        Indicates("2A35", CLOCKLESS),
        Commits(Reading),
        Indicates("2A35", CLOCKLESS),
        Commits(Reading),
        now=NOON,
    )
    first, again = await link.play(BloodPressure())
    assert first == again == decode(CLOCKLESS)


async def test_the_pressure_in_a_deflating_cuff_is_not_asked_for():
    link = ScriptedLink(Subscribes("2A35"), Indicates("2A35", FRAME), Commits(Reading))
    link._offered.add("2A36")
    await link.play(BloodPressure())


@given(st.binary(max_size=20))
def test_any_bytes_are_a_pressure_in_the_cuff_or_a_decode_error(frame):
    with suppress(DecodeError):
        told = decode_cuff(frame)
        assert (told.name, told.raw) == ("cuff-pressure", (Frame("2A36", frame),))


async def test_a_history_that_comes_oldest_first_is_taken_whole_and_keeps_its_order():
    days = [FRAME[:10] + bytes((day,)) + FRAME[11:] for day in range(1, 29)]
    script = [step for day in days for step in (Indicates("2A35", day), Commits(Reading))]
    items = await ScriptedLink(Subscribes("2A35"), *script).play(BloodPressure())
    assert [item.device_time.day for item in items] == list(range(1, 29))
    assert [item.raw[0].data for item in items] == days


@pytest.mark.parametrize("slot", [0, 1, 2, 254, 255])
def test_a_user_slot_is_an_attribute_of_the_reading(slot):
    assert decode(b"\x0c" + CLOCKLESS[1:] + bytes((slot,))).attributes == {"user_id": slot}


async def test_what_cannot_be_decoded_travels_as_it_came_and_stops_nothing():
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A19", b"\xff"),
        Commits(Undecodable),
        Indicates("2A35", FRAME[:-1]),
        Commits(Undecodable),
        Indicates("2A35", FRAME),
        Commits(Reading),
    )
    battery, cut, _ = await link.play(BloodPressure())
    assert (battery.raw, battery.error.at) == ((Frame("2A19", b"\xff"),), 0)
    assert (cut.raw, cut.error.at) == ((Frame("2A35", FRAME[:-1]),), 16)


@pytest.mark.parametrize(
    "script",
    [
        (Subscribes("2A35"), Reads("2A08", LinkLost("cuff"))),
        (Reads("2A29", b"A&D"), Reads("2A24", LinkLost("cuff"))),
        (
            Subscribes("2A35"),
            Indicates("2A35", FRAME),
            Commits(Reading),
            Indicates("2A35", LinkLost("cuff")),
        ),
    ],
)
async def test_a_cuff_that_goes_away_ends_the_session_wherever_it_is(script):
    with pytest.raises(LinkLost):
        await ScriptedLink(*script).play(BloodPressure())


async def test_what_came_before_the_link_broke_at_the_clock_is_handed_on():
    link = ScriptedLink(
        Subscribes("2A35"),
        Reads("2A08", LinkLost("cuff")),
        Indicates("2A35", FRAME),
        Commits(Reading),
    )
    with pytest.raises(LinkLost):
        await link.play(BloodPressure())
    assert [item.raw[0].data for item in link.items] == [FRAME]
