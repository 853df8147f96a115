from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from drivers.blood_pressure import decode
from drivers.errors import LinkLost, PairingRefused
from drivers.spi import DriverInfo
from gateway.clock import read_moment
from gateway.devices import Device
from gateway.link import Exchange
from gateway.sessions import Sessions
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from uplink.errors import OutboxFull, SealError
from uplink.records import EventRecord, ReadingRecord, Stamp

FRAME = bytes.fromhex("06 7800 5000 5d00 e407060f081e00 3c00")


class Confirming:
    """A driver that confirms each reading, and once more when it is closed."""

    info = DriverInfo("confirming", "1", "ble", (), (), ())

    def __init__(self, *steps):
        self.steps = steps

    async def session(self, link):
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                yield step
                await link.confirm()
        finally:
            await link.confirm()


class Link:
    name = "cuff"
    security = 0

    def __init__(self, clock):
        self._clock = clock
        self.is_open = True
        self.confirmed = 0

    async def confirm(self):
        self.confirmed += self.is_open

    def close(self):
        self.is_open = False

    def exchange(self, _source):
        now = read_moment(self._clock)
        return Exchange(now, now)


class Bench:
    def __init__(self, storage):
        self.storage = storage
        self.recorder = storage.start_recorder()
        self.links = []

    def sessions(self, *steps):
        device = Device("cuff", "F0", b"i" * 16, Confirming(*steps), is_bonded=False)
        return Sessions(device, self.recorder, self.storage.steps.note)

    @asynccontextmanager
    async def connect(self):
        self.links.append(Link(self.storage.clock))
        yield self.links[-1]


@pytest.fixture
async def bench(tmp_path):
    storage = await HubStorage.open(tmp_path, HandClock(), quota_bytes=64 << 10)
    yield Bench(storage)
    await storage.outbox.close()


async def test_a_driver_goes_on_only_when_its_reading_is_committed(bench):
    sessions = bench.sessions(decode(FRAME), decode(FRAME))
    await sessions.hold(bench.connect())
    assert bench.links[0].confirmed == len(["first", "second", "at its end"])
    kept = await bench.storage.read_records()
    assert sum(isinstance(record, ReadingRecord) for record in kept) == 2


async def test_a_device_going_away_is_one_warning_and_its_return_one_line(bench):
    sessions = bench.sessions(LinkLost("cuff"))
    with capture_logs() as lines:
        for _ in range(3):
            await sessions.hold(bench.connect())
        sessions.device.driver.steps = ()
        await sessions.hold(bench.connect())
        await sessions.hold(bench.connect())
    told = [(line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"]
    assert told == [("warning", "device-away"), ("info", "device-back")]


async def test_after_a_failure_the_next_session_waits(bench):
    sessions = bench.sessions(LinkLost("cuff"))
    assert sessions.claim()
    assert not sessions.claim()
    await sessions.hold(bench.connect())
    assert not sessions.claim()


async def test_who_has_helped_does_not_wait_for_the_next_session(bench):
    sessions = bench.sessions(LinkLost("cuff"))
    await sessions.hold(bench.connect())
    assert sessions.last.event == "device-away"
    assert not sessions.claim()
    sessions.hasten()
    assert sessions.claim()
    sessions.device.driver.steps = ()
    await sessions.hold(bench.connect())
    assert sessions.last == ("ok", "")


@pytest.mark.parametrize(
    ("error", "event"),
    [(PairingRefused("cuff", "no"), "pairing-refused"), (KeyError("120"), "session-crashed")],
)
async def test_what_ends_a_session_is_counted_and_says_no_value(bench, error, event):
    sessions = bench.sessions(error)
    with capture_logs() as lines:
        await sessions.hold(bench.connect())
    assert sessions.failures == 1
    [line] = [line for line in lines if line["log_level"] == "warning"]
    assert line["event"] == event
    assert line["hint"]
    assert "120" not in str(line)


async def test_a_full_outbox_is_said_before_the_device_is_asked(bench):
    with suppress(OutboxFull):
        while True:
            await bench.recorder.record([fill])
    with capture_logs() as lines:
        await bench.sessions(decode(FRAME)).hold(bench.connect())
    assert bench.links == []
    assert [line["event"] for line in lines] == ["outbox-full"]


async def test_nothing_is_confirmed_to_a_device_once_storage_has_failed(bench):
    await bench.recorder.record([fill])
    kid, last = bench.storage.outbox.previous()[:2]
    await bench.storage.outbox.append(kid, [(last + 1, b"bytes of another writer")])
    with pytest.raises(SealError):
        await bench.sessions(decode(FRAME)).hold(bench.connect())
    assert bench.links[0].confirmed == 0


def fill(place):
    return EventRecord(Stamp(0, place.start.utc_ms, 3), "battery", facts={"x": "x" * 900})
