from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from drivers.blood_pressure import BloodPressure, decode
from drivers.errors import DecodeError
from drivers.spi import (
    RX,
    Battery,
    Bookmark,
    Channel,
    ClockRead,
    ClockSet,
    DeviceInformation,
    Frame,
    Metric,
    Origin,
    Reading,
    Run,
    Series,
    Undecodable,
    Unit,
)
from gateway.clock import read_moment
from gateway.devices import Device
from gateway.errors import DeviceMismatch
from gateway.first_contact import Since
from gateway.link import Exchange
from gateway.pipeline import EVENT_BYTES, Pipeline
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from uplink.records import DeviceRecord, EventRecord, ReadingRecord, SeriesRecord

# time stamp and pulse: 120/80, mean 93 mm[Hg], pulse 60, 2020-06-15 08:30:00
FRAME = bytes.fromhex("06 7800 5000 5d00 e407060f081e00 3c00")
ALL_NAN = bytes.fromhex("06 ff07 ff07 ff07 e407060f081e00 ff07")
TIME = datetime(2026, 6, 1, 8, 0)  # noqa: DTZ001  the device states no zone
CLOCK = Frame("2A08", bytes.fromhex("ea070601080000"))
BATTERY = Frame("2A19", b"\x5a")


class Link:
    """What a link knows of itself, moved by hand."""

    name = "A&D_UA-651BLE_1"
    security = 2

    def __init__(self, clock):
        self.clock = clock
        self.exchanges = {}
        self.now = None

    def local_time(self):
        return self.now

    def happen(self, source, taking_s=0.0):
        asked = read_moment(self.clock)
        self.clock.wait(taking_s)
        self.exchanges[source] = Exchange(asked, read_moment(self.clock))

    def exchange(self, source):
        return self.exchanges[source]


class Bench:
    def __init__(self, storage):
        self.storage = storage
        self.clock = storage.clock
        self.device = Device("cuff", "F0", ("A&D", "UA-651BLE", "77"), BloodPressure(), True)
        self.recorder = storage.start_recorder()
        self.start_session()

    def start_session(self):
        self.link = Link(self.clock)
        self.pipeline = Pipeline(self.device, self.link, self.recorder, self.storage.steps.note)

    async def records(self, *kinds):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, kinds)]


@pytest.fixture
async def bench(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock())
    yield Bench(storage)
    await storage.outbox.close()


async def test_a_reading_is_on_flash_as_sent_when_take_returns(bench):
    bench.link.happen("2A35")
    arrived_ms = bench.clock.utc_ns() // 10**6
    bench.clock.wait(7)
    await bench.pipeline.take(decode(FRAME))
    [record] = await bench.records(ReadingRecord)
    assert record.raw == (("2A35", FRAME),)
    assert [(fact.metric, fact.value, fact.unit) for fact in record.observations] == [
        (Metric.MDC_PRESS_BLD_NONINV_SYS, Decimal(120), "mm[Hg]"),
        (Metric.MDC_PRESS_BLD_NONINV_DIA, Decimal(80), "mm[Hg]"),
        (Metric.MDC_PRESS_BLD_NONINV_MEAN, Decimal(93), "mm[Hg]"),
        (Metric.MDC_PULS_RATE_NON_INV, Decimal(60), "/min"),
    ]
    assert (record.link, record.stamp.utc_ms) == (2, arrived_ms)
    assert record.device_time == decode(FRAME).device_time
    assert bench.storage.steps == ["captured", "sealed"]


async def test_a_failed_measurement_is_an_event_without_numbers(bench):
    bench.link.happen("2A35")
    await bench.pipeline.take(decode(ALL_NAN))
    [event] = await bench.records(EventRecord, ReadingRecord)
    assert event.name == "measurement-failed"
    assert event.raw == (("2A35", ALL_NAN),)
    assert event.device_time == decode(ALL_NAN).device_time


async def test_a_clock_read_has_the_two_instants_of_its_reading(bench):
    bench.link.happen("2A08", taking_s=0.25)
    await bench.pipeline.take(ClockRead(TIME, CLOCK))
    [event] = await bench.records(EventRecord)
    assert (event.name, event.device_time) == ("clock-read", TIME)
    assert event.stamp.since_ms - event.asked_ms == 250


async def test_what_is_no_evidence_by_itself_rides_with_the_next_commit(bench):
    for source in ("2A08", "2A19", "2A35"):
        bench.link.happen(source)
    await bench.pipeline.take(ClockSet(TIME, CLOCK))
    await bench.pipeline.take(DeviceInformation("A&D", "UA-651BLE", "77", "2.0"))
    await bench.pipeline.take(Battery(90, BATTERY))
    assert await bench.storage.read_records() == []
    await bench.pipeline.take(decode(FRAME))
    assert [r.name for r in await bench.records(EventRecord)] == ["clock-set", "battery"]
    assert {r.firmware for r in await bench.records(DeviceRecord)} == {"2.0"}
    assert bench.storage.steps.count("sealed") == 1


async def test_what_still_waits_is_recorded_when_the_session_ends(bench):
    bench.link.happen("2A19")
    await bench.pipeline.take(Battery(90, BATTERY))
    await bench.pipeline.finish()
    bench.start_session()
    bench.link.happen("2A19")
    await bench.pipeline.take(Battery(90, BATTERY))
    await bench.pipeline.finish()
    [battery] = await bench.records(EventRecord)
    assert battery.facts == {"percent": 90}


async def test_nothing_is_recorded_of_a_device_with_another_serial(bench):
    bench.link.happen("2A08")
    await bench.pipeline.take(ClockSet(TIME, CLOCK))
    with pytest.raises(DeviceMismatch):
        await bench.pipeline.take(DeviceInformation("A&D", "UA-651BLE", "78"))
    await bench.pipeline.finish()
    assert await bench.storage.read_records() == []


async def test_a_frame_that_no_driver_can_read_travels_as_it_came(bench):
    bench.link.happen("2A35")
    frame = Frame("2A35", FRAME[:5])
    await bench.pipeline.take(Undecodable(DecodeError("cut short", frame.data, 5), (frame,)))
    [event] = await bench.records(EventRecord)
    assert (event.name, event.raw) == ("frame-undecodable", (("2A35", FRAME[:5]),))
    assert event.facts == {"what": "cut short", "at": 5}


async def test_a_reading_that_no_record_can_hold_keeps_its_evidence(bench):
    bench.link.happen("2A35")
    reading = Reading((), (Frame("2A35", FRAME),), attributes={"user_id": 1.5})
    await bench.pipeline.take(reading)
    [event] = await bench.records(EventRecord, ReadingRecord)
    assert (event.name, event.raw) == ("frame-undecodable", (("2A35", FRAME),))


def stretch(bench, length=2, data=b"\x01\x02", **facts):
    now_ms = read_moment(bench.clock).boottime_ms
    channel = Channel(Metric.MDC_PULS_OXIM_SAT_O2, Unit.PERCENT, (Run(Decimal(97), length),))
    return Series((channel,), Frame(RX, data), 2, Decimal(1), now_ms - 9000, now_ms - 500, **facts)


async def test_a_series_bears_the_instant_of_its_first_frame_and_its_length(bench):
    bench.clock.wait(20)
    bench.link.happen(RX)
    began_ms = bench.clock.utc_ns() // 10**6 - 9000
    await bench.pipeline.take(stretch(bench))
    [record] = await bench.records(SeriesRecord)
    assert (record.stamp.utc_ms, record.duration_ms, record.count) == (began_ms, 8500, 2)
    assert (record.origin, record.link, record.raw) == (1, 2, (RX, b"\x01\x02"))
    assert bench.storage.steps == ["captured", "sealed"]


async def test_a_stretch_without_a_measurement_is_counted_and_makes_no_record(bench):
    bench.link.happen(RX)
    await bench.pipeline.take(stretch(bench, failed=True))
    await bench.pipeline.finish()
    assert bench.pipeline.empty == 1
    assert await bench.storage.read_records() == []


async def test_a_series_that_no_record_can_hold_keeps_its_evidence_in_parts(bench):
    bench.link.happen(RX)
    data = bytes(range(256)) * 100
    await bench.pipeline.take(stretch(bench, length=3, data=data))
    events = await bench.records(EventRecord, SeriesRecord)
    assert {event.name for event in events} == {"frame-undecodable"}
    assert b"".join(event.raw[0][1] for event in events) == data
    assert max(len(event.raw[0][1]) for event in events) == EVENT_BYTES


def meet_first(bench, days_ago):
    """The device was enrolled so many days ago, and has not been met."""
    now = read_moment(bench.clock)
    ago_ms = days_ago * 24 * 60 * 60 * 1000
    bench.device.is_met = False
    bench.device.since = Since(now._replace(utc_ms=now.utc_ms - ago_ms), is_of_this_boot=False)
    bench.link.now = datetime.fromtimestamp(now.utc_ms / 1000)  # noqa: DTZ006  the site's own time
    bench.link.happen("2A35")


async def test_on_first_contact_a_former_patients_history_is_left_out_counted_and_told(bench):
    meet_first(bench, days_ago=10)
    former = decode(FRAME)
    assert former.device_time.year == 2020
    await bench.pipeline.take(former)
    await bench.pipeline.take(former)
    own = replace(former, device_time=bench.link.now.replace(microsecond=0))
    await bench.pipeline.take(own)
    bench.pipeline.conclude()
    await bench.pipeline.finish()
    [reading, left] = await bench.records(EventRecord, ReadingRecord)
    assert reading.device_time == own.device_time
    assert (left.name, left.facts, left.device) == ("history-left", {"count": 2}, 1)
    bench.start_session()
    bench.link.happen("2A35")
    await bench.pipeline.take(former)
    assert len(await bench.records(ReadingRecord)) == 2


async def test_a_first_session_that_breaks_off_leaves_the_first_contact_to_the_next(bench):
    meet_first(bench, days_ago=10)
    await bench.pipeline.take(decode(FRAME))
    await bench.pipeline.finish()
    assert (bench.device.is_met, bench.device.left_out) == (False, 1)
    assert await bench.records(EventRecord, ReadingRecord) == []


@pytest.mark.parametrize("lacks", ["a date", "the hub's time", "nothing, it is live"])
async def test_what_is_in_doubt_is_recorded_on_first_contact(bench, lacks):
    meet_first(bench, days_ago=10)
    reading = decode(FRAME)
    if lacks == "a date":
        reading = replace(reading, device_time=None)
    elif lacks == "the hub's time":
        bench.link.now = None
    else:
        reading = replace(reading, origin=Origin.LIVE)
    await bench.pipeline.take(reading)
    assert len(await bench.records(ReadingRecord)) == 1


async def test_a_wrong_clock_that_was_read_speaks_for_what_it_dated(bench):
    meet_first(bench, days_ago=10)
    reading = decode(FRAME)
    bench.link.happen("2A08")
    await bench.pipeline.take(ClockRead(reading.device_time, CLOCK))
    await bench.pipeline.take(reading)
    assert len(await bench.records(ReadingRecord)) == 1


async def test_a_bookmark_is_remembered_once_what_it_covers_is_on_flash(bench):
    kept = []

    async def remember(device):
        kept.append((device.bookmark, len(await bench.records(ReadingRecord))))

    bench.device.remember = remember
    bench.link.happen("2A35")
    await bench.pipeline.take(decode(FRAME))
    await bench.pipeline.take(Bookmark("17"))
    assert (bench.device.bookmark, kept) == ("17", [])
    await bench.pipeline.finish()
    assert kept == [("17", 1)]
