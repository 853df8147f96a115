import zlib
from datetime import datetime
from decimal import Decimal

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.uplink.any_cbor import anything
from uplink.errors import UnknownKind, WireError
from uplink.records import (
    MAX_RECORD_BYTES,
    MAX_UTC_MS,
    ChannelFact,
    ClockRecord,
    DeviceRecord,
    EpochStart,
    EventRecord,
    ObservationFact,
    ReadingRecord,
    SeriesRecord,
    Stamp,
    decode,
    encode,
)
from uplink.runs import MAX_RAW_BYTES

START = EpochStart(bytes(range(16)), 61_000, 1_790_000_000_000, 7, "vitalpost 0.1.0")
STAMP = Stamp(43_200_123, START.utc_ms + 43_200_123 - 37, 7)
FRAME = bytes.fromhex("167d0050006600e10701100c273640000000")
OBSERVATIONS = (
    ObservationFact(150021, Decimal(125), "mm[Hg]"),
    ObservationFact(150022, Decimal(80), "mm[Hg]"),
    ObservationFact(150023, Decimal(102), "mm[Hg]"),
    ObservationFact(149546, Decimal(64), "/min"),
)
READING = ReadingRecord(
    STAMP,
    1,
    (("2A35", FRAME),),
    OBSERVATIONS,
    datetime.fromisoformat("2017-01-16T12:39:54"),
    None,
    1,
    2,
)
FULL = ReadingRecord(
    Stamp(0, MAX_UTC_MS, 0),
    0,
    (("00002a35-0000-1000-8000-00805f9b34fb", b""), ("2A49", b"\x01"), ("2a49", b"\x02")),
    (ObservationFact(67996, Decimal("-16.70"), "kPa"),),
    datetime.fromisoformat("9999-12-31T23:59:59.999999"),
    2**32,
    2,
    1,
    ("body-movement", "irregular-pulse"),
    {"user_id": 2, "special": {"MDC_PULS_RATE_NON_INV": "NaN"}},
)
DEVICE = DeviceRecord(
    STAMP, 1, "sig-blood-pressure", "1", ("A&D", "UA-651BLE", "12345"), "ble", "A&D_UA-651BLE_0A"
)
RANDOM_DEVICE = DeviceRecord(
    STAMP, 0, "d", "1", bytes(16), "ble", "", "maker", "model", "serial", "firmware"
)
CLOCK = ClockRecord(Stamp(5, START.utc_ms + 5, 0), "start")
EVENT = EventRecord(STAMP, "battery", 0, (("2A19", b"\x32"),), {"percent": 50})
ANSWER = EventRecord(
    STAMP,
    "clock-read",
    3,
    device_time=datetime.fromisoformat("1970-01-01T00:00:00.500"),
    asked_ms=43_200_000,
)
SERIES = SeriesRecord(
    STAMP,
    1,
    ("rx", bytes.fromhex("8540074861") * 60),
    (
        ChannelFact(150456, "%", ((Decimal(97), 58), (None, 2))),
        ChannelFact(149530, "/min", ((Decimal(72), 1), (Decimal("72.0"), 59))),
        ChannelFact(150452, "1", tuple((Decimal(n), 1) for n in range(60))),
    ),
    60,
    Decimal(60),
    983,
    attributes={"beep": ((0, 59), (1, 1))},
)
RECORDS = (READING, FULL, DEVICE, RANDOM_DEVICE, CLOCK, EVENT, ANSWER, SERIES)

thorough = settings(max_examples=200, deadline=None)


def decodes_or_is_refused(plaintext):
    try:
        record = decode(plaintext, START)
    except WireError:
        return
    assert decode(encode(record, START), START) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_read_back_as_it_was(record):
    assert decode(encode(record, START), START) == record


def test_a_blood_pressure_reading_with_its_frame_and_four_observations_fits_in_80_bytes():
    assert len(encode(READING, START)) <= 80


@given(
    st.builds(
        ReadingRecord,
        st.builds(Stamp, st.integers(0, 2**40), st.integers(0, MAX_UTC_MS), st.integers(0, 31)),
        st.integers(0, 0xFFFF),
        st.lists(st.tuples(st.text(), st.binary())).map(tuple),
        st.lists(
            st.builds(
                ObservationFact,
                st.integers(1 << 16, 2**32 - 1),
                st.decimals(Decimal(-(10**9)), Decimal(10**9), places=3),
                st.text(),
            )
        ).map(tuple),
        st.none() | st.datetimes(),
        st.none() | st.integers(0, 2**63 - 1),
        st.integers(0, 2),
        st.integers(0, 2),
        st.lists(st.text()).map(tuple),
        st.dictionaries(st.text(), st.text() | st.integers(-(2**63) + 1, 2**63 - 1)),
    )
)
@thorough
def test_any_reading_is_read_back_as_it_was(record):
    assert decode(encode(record, START), START) == record


@st.composite
def series(draw):
    count = draw(st.integers(1, 40))
    values = st.none() | st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2)

    def runs(of):
        lengths = st.lists(st.integers(1, count)).map(lambda ends: sorted({*ends, count}))
        ends = draw(lengths)
        return tuple(
            (draw(of), end - begin) for begin, end in zip([0, *ends[:-1]], ends, strict=True)
        )

    metrics = draw(st.lists(st.tuples(st.integers(1 << 16, 2**32 - 1), st.text()), max_size=3))
    return SeriesRecord(
        Stamp(draw(st.integers(0, 2**40)), draw(st.integers(0, MAX_UTC_MS)), 5),
        draw(st.integers(0, 0xFFFF)),
        (draw(st.text()), draw(st.binary(max_size=MAX_RAW_BYTES))),
        tuple(ChannelFact(*metric, runs(values)) for metric in metrics),
        count,
        draw(st.decimals(Decimal(0), Decimal(1000), places=1)),
        draw(st.integers(0, 2**40)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 2)),
        {name: runs(st.integers(0, 2**63 - 1)) for name in draw(st.sets(st.text(), max_size=2))},
    )


@given(series())
@thorough
def test_any_series_is_read_back_as_it_was(record):
    assert decode(encode(record, START), START) == record


def test_half_a_minute_of_the_worst_stream_fits_a_record():
    noise = [int.from_bytes(n.to_bytes(2, "big") * 3, "big") % 103 + 24 for n in range(1800)]
    flicker = tuple((n % 2, 1) for n in range(1800))
    raw = bytes(noise[n % 1800] ^ (n * 7919 >> 3) & 0xFF for n in range(9000))
    worst = SeriesRecord(
        STAMP,
        1,
        ("rx", raw),
        tuple(
            ChannelFact(150452 + n, "1", tuple((Decimal(v), 1) for v in noise)) for n in range(3)
        ),
        1800,
        Decimal(60),
        30_000,
        attributes=dict.fromkeys("abcde", flicker),
    )
    assert len(encode(worst, START)) < MAX_RECORD_BYTES


def packed(record=SERIES, **changes):
    return cbor2.dumps(
        cbor2.loads(encode(record, START)) | {int(k[1:]): v for k, v in changes.items()}
    )


def bomb(size, wbits=-15):
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(bytes(size)) + packer.flush()


@pytest.mark.parametrize(
    "plaintext",
    [
        packed(k5=["rx", bomb(MAX_RAW_BYTES + 1)]),
        packed(k5=["rx", bomb(20_000_000)]),
        packed(k5=["rx", bomb(300)[:-1]]),
        packed(k5=["rx", bomb(300) + b"x"]),
        packed(k5=["rx", bomb(300, zlib.MAX_WBITS)]),  # with a zlib header
        packed(k5=["rx", b""]),
        packed(k5=["rx", bomb(3), "rx", bomb(3)]),
        packed(k5=[]),
        packed(k8=["%", 19384, [[97, 59]]]),
        packed(k8=["%", 19384, [[97, 61]]]),
        packed(k8=["%", 19384, [[97, 2**62]]]),
        packed(k8=["%", 19384, [[97, 1], [97, 59]]]),
        packed(k8=["%", 19384, [[97, 60, 1]]]),
        packed(k8=["%", 19384]),
        packed(k8=[19384, [[97, 60]]]),
        packed(k7={"beep": [[None, 60]]}),
        packed(k10=0),
        packed(k10=MAX_RAW_BYTES + 1),
        packed(k12=-1),
    ],
)
def test_a_series_that_is_none_is_a_wire_error_and_a_bomb_stays_packed(plaintext):
    with pytest.raises(WireError):
        decode(plaintext, START)


@pytest.mark.parametrize("sent", ["120", "12E1", "1.20E2", "12.0", "12.00", "-0.7", "8388605E-128"])
def test_a_value_keeps_the_exponent_it_was_sent_with(sent):
    fact = ObservationFact(150021, Decimal(sent), "mm[Hg]")
    record = ReadingRecord(STAMP, 0, (), (fact,))
    [read] = decode(encode(record, START), START).observations
    assert read.value.as_tuple() == Decimal(sent).as_tuple()


@pytest.mark.parametrize(
    "record",
    [
        ReadingRecord(STAMP, 0, (), (ObservationFact(150021, Decimal("NaN"), "mm[Hg]"),)),
        ReadingRecord(STAMP, 0, (), (ObservationFact(150021, Decimal("1E128"), "mm[Hg]"),)),
        ReadingRecord(STAMP, 0, (), (ObservationFact(150021, Decimal(10**20), "mm[Hg]"),)),
        ReadingRecord(STAMP, 0, (), (ObservationFact(0x4A05, Decimal(1), "mm[Hg]"),)),
        ReadingRecord(STAMP, 0, (), (), origin=3),
        ReadingRecord(STAMP, 0, (), (), link=3),
        ReadingRecord(STAMP, 0, (), (), record_number=-1),
        ReadingRecord(STAMP, 0, (("2A35", bytes(MAX_RECORD_BYTES)),), ()),
        ReadingRecord(STAMP, 0, (), (), status=("\ud800",)),
        ReadingRecord(STAMP, 0, (), (), attributes={"ratio": 0.5}),
        ClockRecord(Stamp(0, -1, 0), "start"),
        ClockRecord(Stamp(0, 0, 32), "start"),
        EventRecord(Stamp(5, 5, 0), "clock-read", asked_ms=6),
        DeviceRecord(STAMP, 0, "d", "1", bytes(15), "ble"),
        SeriesRecord(STAMP, 0, ("rx", bytes(MAX_RAW_BYTES + 1)), (), 1, Decimal(1), 0),
        SeriesRecord(STAMP, 0, ("rx", b"a"), (), 0, Decimal(1), 0),
        SeriesRecord(STAMP, 0, ("rx", b"a"), (), 1, Decimal("NaN"), 0),
        SeriesRecord(STAMP, 0, ("rx", b"a"), (), 1, Decimal(1), -1),
        SeriesRecord(
            STAMP, 0, ("rx", b"a"), (ChannelFact(150456, "%", ((None, 2),)),), 1, Decimal(1), 0
        ),
    ],
)
def test_what_would_not_be_read_back_is_not_written(record):
    with pytest.raises(WireError):
        encode(record, START)


def test_keys_of_a_later_version_are_left_unread():
    grown = cbor2.loads(encode(READING, START)) | {40: {"later": [1.5]}, 999: None}
    assert decode(cbor2.dumps(grown), START) == READING


@pytest.mark.parametrize("kind", [6, 7, 1000])
def test_a_kind_of_a_later_version_is_told_apart_from_malformed_bytes(kind):
    with pytest.raises(UnknownKind) as caught:
        decode(cbor2.dumps({0: kind, 1: 0}), START)
    assert caught.value.kind == kind


def test_the_repr_of_a_record_shows_neither_values_nor_names_nor_frames():
    shown = "".join(map(repr, (*RECORDS, *OBSERVATIONS, *SERIES.channels)))
    for secret in (
        "125",
        "mm[Hg]",
        "\\x16",
        "12345",
        "651BLE_0A",
        "2017",
        "irregular",
        "percent",
        "97",
        "beep",
    ):
        assert secret not in shown


READING_HEX = encode(READING, START).hex()


@pytest.mark.parametrize(
    "plaintext",
    [
        "",
        READING_HEX + "00",  # one byte too many
        READING_HEX[:-2],
        "80",  # an array
        "a101",  # cut within a map
        "a20100" + "0100",  # a key twice
        "a1f500",  # true for the key 1
        "a1fb3ff0000000000000" + "00",  # 1.0 for the key 1
        "bf0100ff",  # indefinite length
        "a10120",  # before the epoch began
        "a1011bffffffffffffffff",
        "a101c24101",  # bignum
        "a10180",
        "a2010028" + "81" * 500 + "00",  # deep nesting
        "a20100" + "28" + "9b7fffffffffffffff",  # huge length
        "a20100" + "28" + "5b7fffffffffffffff",
        "a20100" + "28" + "d81c81d81d00",  # a shared reference to itself
        "a20100" + "28" + "d8234128",  # a regular expression
        "a2010008" + "8263" + "6b5061" + "194a05",  # a unit, a code, no value
        "a2010008" + "8219" + "4a0500",  # a value without a unit
        "a2010008" + "8361" + "6119" + "4a05" + "f97e00",  # NaN
        "a2010008" + "8361" + "6119" + "4a05" + "f97c00",  # infinity
        "a2010008" + "8361" + "6119" + "4a05" + "c4821880" + "01",  # exponent of 128
        "a2010008" + "8361" + "6119" + "4a05" + "c48200c249010000000000000000",
        "a2010008" + "8361" + "6119" + "4a05" + "c48101",
        "a30100" + "0880" + "061b00000050aef49f80",  # year 12 000
        "a30100" + "0880" + "06c482187f1903e7",
        "a30100" + "0880" + "063b00000050aef49f80",
        "a30100" + "0880" + "0581" + "192a35",  # a source without its frame
        "a30100" + "0880" + "05821a00010000" + "40",  # a source of 17 bits
        "a30100" + "0880" + "090c",  # link 3
        "a30100" + "0880" + "07a10102",  # attributes by number
    ],
)
def test_malformed_bytes_are_a_wire_error(plaintext):
    with pytest.raises(WireError) as caught:
        decode(bytes.fromhex(plaintext), START)
    assert not isinstance(caught.value, UnknownKind)


def test_a_record_above_the_limit_is_refused_before_it_is_parsed():
    with pytest.raises(WireError, match="limit"):
        decode(b"\x81" * (MAX_RECORD_BYTES + 1), START)


@given(st.binary(max_size=200))
@thorough
def test_random_bytes_are_a_record_or_a_wire_error(plaintext):
    decodes_or_is_refused(plaintext)


@given(st.sampled_from(RECORDS), st.data())
@thorough
def test_a_changed_byte_gives_a_record_or_a_wire_error(record, data):
    plaintext = bytearray(encode(record, START))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(plaintext) - 1))
        plaintext[at] = data.draw(st.integers(0, 255))
    decodes_or_is_refused(bytes(plaintext[: data.draw(st.integers(1, len(plaintext)))]))


@given(st.sampled_from(RECORDS), st.integers(0, 16), anything)
@thorough
def test_another_type_at_any_key_gives_a_record_or_a_wire_error(record, key, value):
    fields = cbor2.loads(encode(record, START))
    decodes_or_is_refused(cbor2.dumps(fields | {key: value}))


@given(anything)
@thorough
def test_any_cbor_is_a_record_or_a_wire_error(value):
    decodes_or_is_refused(cbor2.dumps(value))
