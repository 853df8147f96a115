"""From a finger to a counted day: a pty, the port, driver, outbox, and the office that opens it."""

import asyncio
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from backend import tables
from drivers.contec_cms50 import ContecCms50
from gateway.devices import Device, Socket
from gateway.links.serial import Ports
from gateway.links.serial_link import Bench
from gateway.recorder import Recorder
from gateway.sessions import Sessions
from simulator.oximeter import Oximeter
from tests.backend.office import KEY, Office
from tests.fakes.hand_clock import HandClock
from uplink.journal import keep_no_journal
from uplink.outbox import Outbox
from uplink.seal import open_epoch, sign_statement
from uplink.witness import Witness

PATIENCE_S = 30
IDENTITY = ("Contec", "CMS50D+", "1")


@pytest.fixture
async def outbox(tmp_path):
    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=4 << 20)
    yield outbox
    await outbox.close()


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.ledger.close()


@pytest.fixture
def oximeter(tmp_path):
    oximeter = Oximeter(tmp_path / "ttyUSB0")
    oximeter.plug()
    yield oximeter
    oximeter.unplug()


async def test_streams_through_noise_and_unplugging_are_readings_of_the_day(
    office, outbox, oximeter
):
    clock = HandClock()
    office.now_ms = clock.utc_ns() // 10**6
    office.assign(identity=IDENTITY)
    hub = office.enroll()
    committed = asyncio.Semaphore(0)
    recorder = Recorder(
        outbox,
        clock,
        lambda start, previous: open_epoch("hub-1", hub.signer, KEY.public(), start, previous),
        Witness("hub-1", partial(sign_statement, signer=hub.signer), lambda: office.now_ms),
        software="vitalpost 0",
        on_commit=committed.release,
    )
    socket = Socket(port=str(oximeter.port))
    device = Device("oximeter", "", IDENTITY, ContecCms50(), False, socket=socket)
    sessions = Sessions(device, recorder, keep_no_journal)
    bench = Bench(clock, ZoneInfo("America/New_York"), look_s=0.005)
    async with asyncio.timeout(PATIENCE_S):
        serving = asyncio.create_task(Ports(bench, [sessions]).run())
        await stream_until(oximeter, committed)
        oximeter.unplug()
        oximeter.plug()
        await stream_until(oximeter, committed)
        oximeter.noise(500)
        oximeter.write(oximeter.frame()[:3])
        await stream_until(oximeter, committed)
        serving.cancel()
        await asyncio.wait([serving])

    batch = await outbox.peek(0, 1000, 1 << 20)
    reply = office.take(hub, *batch.key_records.values(), *batch.runs)
    assert not reply.incidents
    found = office.verify()
    assert found.problems == []
    assert found.readings >= 3
    assert office.count(tables.sighting) == found.readings
    assert office.calendar().qualifying_days == 1


async def stream_until(oximeter, committed):
    """Fingers in and out until a stretch is on flash."""
    while committed.locked():
        oximeter.beat(90)
        oximeter.has_finger = False
        oximeter.beat(2)
        oximeter.has_finger = True
        for _ in range(20):
            await asyncio.sleep(0)
    await committed.acquire()
