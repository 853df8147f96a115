import tomllib
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DecodeError
from drivers.reader import Reader, Special

NUMBERS = tomllib.loads(
    (Path(__file__).parents[1] / "golden" / "numbers.toml").read_text(encoding="utf-8")
)["number"]
FLOAT_SPECIALS = {
    0x7FFFFE: "+INF",
    0x7FFFFF: "NaN",
    0x800000: "NRes",
    0x800001: "RFU",
    0x800002: "-INF",
}
SPECIALS = {0x07FE: "+INF", 0x07FF: "NaN", 0x0800: "NRes", 0x0801: "RFU", 0x0802: "-INF"}


@given(st.integers(0, 0xFFFF))
def test_an_sfloat_is_its_mantissa_times_a_power_of_ten_or_one_of_five_specials(bits):
    value = Reader(bits.to_bytes(2, "little")).sfloat()
    if bits in SPECIALS:
        assert value == Special(SPECIALS[bits])
        return
    mantissa, exponent = bits % 4096, bits // 4096
    if mantissa > 2047:
        mantissa -= 4096
    if exponent > 7:
        exponent -= 16
    digits = tuple(map(int, str(abs(mantissa))))
    assert value.as_tuple() == (int(mantissa < 0), digits, exponent)


@given(st.integers(0, 0xFFFFFFFF) | st.integers(0x7FFFF0, 0x800010))
def test_a_float_is_its_mantissa_times_a_power_of_ten_or_one_of_five_specials(bits):
    value = Reader(bits.to_bytes(4, "little")).float32()
    if bits in FLOAT_SPECIALS:
        assert value == Special(FLOAT_SPECIALS[bits])
        return
    mantissa = int.from_bytes(bits.to_bytes(4, "little")[:3], "little", signed=True)
    exponent = int.from_bytes(bits.to_bytes(4, "big")[:1], signed=True)
    digits = tuple(map(int, str(abs(mantissa))))
    assert value.as_tuple() == (int(mantissa < 0), digits, exponent)


def test_120_and_120_point_0_stay_apart():
    said = [str(Reader(bytes.fromhex(sent)).sfloat()) for sent in ("7800", "b0f4", "0c10")]
    assert said == ["120", "120.0", "1.2E+2"]
    sent = ("78000000", "b00400ff", "0c000001")
    assert [str(Reader(bytes.fromhex(each)).float32()) for each in sent] == said


@pytest.mark.parametrize("number", NUMBERS, ids=[number["id"] for number in NUMBERS])
def test_a_number_says_what_its_source_says(number):
    reader = Reader(bytes.fromhex(number["sent"]))
    read = {"FLOAT": reader.float32, "SFLOAT": reader.sfloat}[number["type"]]
    assert str(read()) == number["said"]
    reader.end()


def test_a_signed_integer_and_bytes_as_they_are():
    reader = Reader(bytes.fromhex("ff80fe5a"))
    assert (reader.sint(1), reader.sint(2), reader.at, reader.left) == (-1, -384, 3, 1)
    assert (reader.take(1), reader.left) == (b"Z", 0)


@given(st.binary(min_size=7, max_size=7))
def test_a_date_and_time_is_one_that_exists_or_not_known_or_refused(data):
    year, month, day = data[0] + 256 * data[1], data[2], data[3]
    is_known = year and month and day
    try:
        expected = datetime(year or 2000, month or 1, day or 1, *data[4:])  # noqa: DTZ001  no zone
    except ValueError:
        expected = None
    if expected is None or 0 < year < 1582:
        with pytest.raises(DecodeError) as caught:
            Reader(data).date_time()
        assert caught.value.at == 0
    else:
        assert Reader(data).date_time() == (expected if is_known else None)


@given(
    st.datetimes(min_value=datetime.fromisoformat("1582-01-01")).map(
        lambda time: time.replace(microsecond=0)
    ),
    st.sets(st.sampled_from(("year", "month", "day"))),
)
def test_a_date_of_which_a_part_is_not_known_is_not_known(time, unknown):
    year, month, day = (
        0 if part in unknown else getattr(time, part) for part in ("year", "month", "day")
    )
    sent = bytes((*year.to_bytes(2, "little"), month, day, time.hour, time.minute, time.second))
    assert Reader(sent).date_time() == (None if unknown else time)


@pytest.mark.parametrize(
    "sent",
    ["e9070d010a0000", "e907021e0a0000", "e9070201180000", "e90702010a3c00", "0000021e000000"],
    ids=["month 13", "February 30", "hour 24", "minute 60", "February 30 of no year"],
)
def test_an_impossible_date_is_refused_where_it_begins(sent):
    reader = Reader(b"\x00" + bytes.fromhex(sent))
    reader.uint(1)
    with pytest.raises(DecodeError) as caught:
        reader.date_time()
    assert (caught.value.at, caught.value.frame[1:]) == (1, bytes.fromhex(sent))


def test_integers_are_little_endian_unless_told_otherwise():
    reader = Reader(bytes.fromhex("0102 0102"))
    assert (reader.uint(2), reader.uint(2, "big")) == (0x0201, 0x0102)
    reader.end()


def test_a_frame_that_is_cut_or_goes_on_is_refused_at_the_byte():
    reader = Reader(b"\x01\x02\x03")
    reader.uint(2)
    with pytest.raises(DecodeError, match="2-byte field cut to 1 at byte 2 of 3"):
        reader.uint(2)
    with pytest.raises(DecodeError, match="frame goes on for 1 at byte 2 of 3"):
        reader.end()
    assert reader.uint(1) == 3
