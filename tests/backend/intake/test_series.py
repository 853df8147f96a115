"""Streams at the office: each stretch is one reading of its own."""

from dataclasses import replace
from decimal import Decimal

import pytest

from backend import tables
from backend.dating.judge import Method
from drivers.replay import replay
from drivers.spi import RX, Frame
from tests.backend.office import DAY, DRIVERS, MINUTE, START, utc
from uplink.records import ChannelFact, SeriesRecord

OXIMETER = ("Contec", "CMS50D+", "1")
MORNING = utc(2026, 3, 2, 12)
FRAMES = bytes.fromhex("8540074861 c541074861 8542474862")


def stretch(hub, at_ms, frames=FRAMES):
    [made] = replay(DRIVERS["contec-cms50"], "", [Frame(RX, frames)])
    return SeriesRecord(
        hub._stamp(at_ms),
        0,
        made.raw,
        tuple(ChannelFact(int(c.metric), str(c.unit), c.runs) for c in made.channels),
        made.count,
        made.rate,
        50,
        attributes=made.attributes,
    )


@pytest.fixture
def hub(office):
    office.assign(identity=OXIMETER)
    hub = office.enroll().begin(START)
    hub.describe(MORNING, OXIMETER, driver="contec-cms50")
    return hub


def test_each_stretch_is_a_reading_though_its_bytes_are_those_of_another(office, hub):
    for minute in range(3):
        hub.record(stretch(hub, MORNING + minute * MINUTE))
    office.take_all(hub)
    office.take_all(hub)
    assert (office.count(tables.reading), office.count(tables.sighting)) == (3, 3)
    [first, *_] = office.judgements().values()
    assert first.method is Method.RECEIVED
    [interval] = first.candidates
    assert interval.from_ms < MORNING <= interval.to_ms


def test_a_day_with_a_stretch_counts_as_a_day_with_any_reading(office, hub):
    for day in (0, 0, 1, 5):
        hub.record(stretch(hub, MORNING + day * DAY))
    office.take_all(hub)
    assert office.calendar().qualifying_days == 3


def test_the_frames_of_a_stretch_are_decoded_again_and_compared(office, hub):
    sound = stretch(hub, MORNING)
    hub.record(sound)
    office.take_all(hub)
    assert office.verify().problems == []
    spo2, *others = sound.channels
    forged = spo2._replace(runs=((Decimal(98), 3),))
    hub.record(replace(sound, channels=(forged, *others)))
    hub.record(replace(sound, attributes={}))
    hub.record(replace(sound, raw=(RX, FRAMES[:-1])))
    hub.record(replace(sound, raw=("2A35", FRAMES)))
    office.take_all(hub)
    found = office.verify()
    assert found.undecodable == 3
    assert "another channels" in found.problems[0]
    assert "another attributes" in found.problems[1]
