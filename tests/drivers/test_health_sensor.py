import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError, LinkError, LinkLost
from drivers.health_sensor import ALL_RECORDS, START_SENDING, HealthSensor, decode
from drivers.health_units import unit_of
from drivers.metrics import Metric
from drivers.spi import (
    Battery,
    ClockRead,
    DeviceEvent,
    DeviceInformation,
    Frame,
    Observation,
    Origin,
    Reading,
    Undecodable,
)
from tests.fakes.scripted_link import (
    Commits,
    Indicates,
    Reads,
    ScriptedLink,
    Silence,
    Subscribes,
    Writes,
)

STAMP = bytes.fromhex("224044943200000600")
DONE, NONE = bytes.fromhex("080001000000"), bytes.fromhex("06000706")
SENDING = b"\x80"


def u32(number):
    return number.to_bytes(4, "little")


def numeric(value=97, metric=Metric.MDC_PULS_OXIM_SAT_O2, unit=544):
    return u32(metric) + STAMP + unit.to_bytes(2, "little") + value.to_bytes(3, "little") + b"\0"


def body(kind=1, flags=3, rest=None):
    rest = numeric() if rest is None else rest
    held = flags.to_bytes(2, "little") + rest
    return bytes((kind,)) + len(held).to_bytes(2, "little") + held


def live(value=None, counter=0):
    return bytes((3 | counter << 2,)) + (body() if value is None else value)


def stored(number, counter=0):
    return bytes((3 | counter << 2,)) + u32(number) + body()


@given(st.binary(max_size=80))
def test_any_bytes_are_an_observation_or_a_decode_error(frame):
    try:
        said = decode(frame)
    except DecodeError:
        return
    assert said.raw == (Frame("2B8B", b"\x03" + frame[1:]),)


@given(
    st.sampled_from((1, 2, 3, 4, 5, 6, 7, 8, 9, 255)),
    st.integers(0, 0xFFFF),
    st.binary(max_size=80),
)
def test_any_body_of_the_right_length_is_an_observation_or_a_decode_error(kind, flags, rest):
    frame = live(body(kind, flags, rest))
    try:
        said = decode(frame)
    except DecodeError:
        return
    assert said.raw == (Frame("2B8B", frame),)
    if isinstance(said, Reading):
        assert all(seen.value.is_finite() for seen in said.observations)
        assert said.failed or said.observations or said.attributes["texts"]


@given(st.integers(-3, 3).filter(bool), st.sampled_from((1, 7, 255)))
def test_a_length_that_is_not_that_of_the_fields_is_refused_where_it_stands(off, kind):
    value = {1: body(), 7: body(7, 3, numeric()[:13] + b"\0"), 255: body(255, 0, b"\1" + body())}
    frame = bytearray(live(value[kind]))
    frame[2] += off
    with pytest.raises(DecodeError):
        decode(bytes(frame))


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF))
def test_what_no_table_lists_is_kept_as_its_number(metric, unit):
    frame = live(body(rest=numeric(5, metric, unit)))
    if metric < 0x10000:
        with pytest.raises(DecodeError, match="no partition"):
            decode(frame)
        return
    said = decode(frame)
    if metric == Metric.MDC_AI_MED_STATUS:
        assert isinstance(said, DeviceEvent)
    else:
        assert said.observations == (Observation(metric, 5, unit_of(unit)),)
    assert unit_of(unit)


def test_a_pill_dispenser_says_what_it_has_handed_out_and_never_that_it_was_taken():
    said = decode(live(body(rest=numeric(2, Metric.MDC_AI_MED_DISPENSED_FIXED, 512))))
    [seen] = said.observations
    assert (seen.metric.name, str(seen.value)) == ("MDC_AI_MED_DISPENSED_FIXED", "2")
    assert "taken" not in repr((said.status, dict(said.attributes))).lower()


def test_the_medication_codes_are_those_of_partition_130():
    codes = [of - 130 * 65536 for of in Metric if of.name.startswith("MDC_AI_MED_")]
    assert codes == list(range(13312, 13322))


def test_an_observation_shows_no_values_in_its_repr():
    assert "97" not in repr(decode(live())).replace("Frame", "")


async def test_stored_observations_come_with_their_numbers_beside_live_ones():
    link = ScriptedLink(
        Reads("2A29", b"Acme"),
        Commits(DeviceInformation),
        Subscribes("2B8B", "2BDD", "2A52", "2BF4"),
        Reads("2BF2", STAMP + b"\0\3"),
        Commits(ClockRead),
        Reads("2A19", b"\x42"),
        Commits(Battery),
        Writes("2BF4", START_SENDING),
        Writes("2A52", ALL_RECORDS),
        Indicates("2BF4", SENDING),
        Indicates("2BDD", stored(7)),
        Commits(Reading),
        Indicates("2B8B", live()),
        Commits(Reading),
        Indicates("2BDD", stored(8, 1)),
        Commits(Reading),
        Indicates("2A52", DONE),
        Indicates("2B8B", live(counter=1)),
        Commits(Reading),
    )
    readings = (await link.play(HealthSensor()))[3:]
    assert [(reading.record_number, reading.origin) for reading in readings] == [
        (7, Origin.STORED),
        (None, Origin.LIVE),
        (8, Origin.STORED),
        (None, Origin.LIVE),
    ]


async def test_the_segments_of_live_and_stored_values_do_not_mix():
    one, two = live(), stored(7)
    link = ScriptedLink(
        Subscribes("2B8B", "2BDD"),
        Indicates("2B8B", b"\x01" + one[1:9]),
        Indicates("2BDD", b"\x01" + two[1:9]),
        Indicates("2B8B", b"\x06" + one[9:]),
        Commits(Reading),
        Indicates("2BDD", b"\x06" + two[9:]),
        Commits(Reading),
    )
    first, second = await link.play(HealthSensor())
    assert (first.record_number, second.record_number) == (None, 7)
    assert len(first.raw) == len(second.raw) == 2


async def test_a_lost_segment_is_undecodable_with_all_that_came():
    value = live()
    link = ScriptedLink(
        Subscribes("2B8B"),
        Indicates("2B8B", b"\x01" + value[1:9]),
        Indicates("2B8B", b"\x0a" + value[17:]),
        Commits(Undecodable),
        Indicates("2B8B", b"\x0d" + value[1:9]),
        Silence(),
        Commits(Undecodable),
    )
    lost, unfinished = await link.play(HealthSensor())
    assert (len(lost.raw), len(unfinished.raw)) == (2, 1)


@pytest.mark.parametrize("fault", [None, LinkError("sensor")])
async def test_a_sensor_that_will_not_be_told_to_send_is_heard_all_the_same(fault):
    link = ScriptedLink(
        Subscribes("2B8B", "2A52", "2BF4"),
        Reads("2BF2", b"\0"),
        Commits(Undecodable),
        Writes("2BF4", START_SENDING, fault),
        Writes("2A52", ALL_RECORDS),
        Indicates("2A52", NONE),
        Indicates("2B8B", live()),
        Commits(Reading),
    )
    await link.play(HealthSensor())


async def test_a_sensor_that_goes_away_ends_the_session_with_what_it_had_begun():
    link = ScriptedLink(
        Subscribes("2B8B"),
        Indicates("2B8B", b"\x01" + live()[1:9]),
        Indicates("2B8B", LinkLost("sensor")),
        Commits(Undecodable),
    )
    with pytest.raises(LinkLost):
        await link.play(HealthSensor())
