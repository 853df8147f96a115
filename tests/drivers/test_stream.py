from random import Random

import pytest

from drivers.contec_cms50 import LIVE, ContecCms50
from drivers.contec_cms50_memory import STORED
from drivers.contec_cms50_v7 import LIVE as LIVE_V7
from drivers.contec_cms50_v7 import ContecCms50V7
from drivers.nonin_serial import NoninSerial
from drivers.nonin_serial_sample import PACKETS
from drivers.replay import replay
from drivers.spi import RX, Frame
from uplink.records import (
    MAX_RECORD_BYTES,
    ChannelFact,
    EpochStart,
    SeriesRecord,
    Stamp,
    encode,
)

START = EpochStart(bytes(16), 0, 1_790_000_000_000, 5, "vitalpost 0")
STAMP = Stamp(1, 1_790_000_000_000, 5)
DICE = Random(1)


def some(mask):
    return DICE.randrange(256) & mask


def cms50():
    return bytes((0x80 | some(0x6F), some(0x7F), some(0x4F), some(0x7F), some(0x7F)))


def cms50_v7():
    return bytes((1, 0x80 | some(0x7C), 0x80 | some(0x6F), *(0x80 | some(0x7F) for _ in range(6))))


def stored():
    return bytes((0xF0 | some(1), 0x80 | some(0x7F), some(0x7F)))


def packet():
    made = bytearray()
    for at in range(25):
        frame = bytes((1, 0x80 | some(0x36) | (at == 0), some(0xFF), some(0x7F)))
        made += frame + bytes((sum(frame) & 0xFF,))
    return bytes(made)


@pytest.mark.parametrize(
    ("driver", "kind", "make"),
    [
        (ContecCms50(), LIVE, cms50),
        (ContecCms50(), STORED, stored),
        (ContecCms50V7(), LIVE_V7, cms50_v7),
        (NoninSerial(), PACKETS, packet),
    ],
)
def test_the_longest_stretch_fits_a_record_though_no_value_is_like_the_next(driver, kind, make):
    line = b"".join(make() for _ in range(kind.longest))
    [series] = replay(driver, "", [Frame(RX, line)])
    assert (series.count, series.failed) == (kind.longest, False)
    channels = tuple(ChannelFact(of.metric, str(of.unit), of.runs) for of in series.channels)
    record = SeriesRecord(
        STAMP,
        0,
        (series.raw.source, series.raw.data),
        channels,
        series.count,
        series.rate,
        30_000,
        attributes=series.attributes,
    )
    assert len(encode(record, START)) < MAX_RECORD_BYTES
