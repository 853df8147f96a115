"""From a device that answers to a counted day: a pty, the port, driver, outbox, and the office."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backend import tables
from drivers.dispenser_serial import DispenserSerial
from drivers.taidoc_serial import TaiDocSerial
from gateway.clock import site_time
from gateway.devices import Device, Socket
from gateway.links.serial import Ports
from gateway.links.serial_link import Bench
from gateway.recorder import Recorder
from gateway.sessions import Sessions
from simulator.dispenser import DISPENSED, JAMMED, OPENED, Dispenser
from simulator.plugged import Plugged
from simulator.taidoc import Meter
from tests.backend.office import KEY, Office
from tests.fakes.hand_clock import HandClock
from uplink.journal import keep_no_journal
from uplink.outbox import Outbox
from uplink.seal import open_epoch, sign_statement
from uplink.witness import Witness

PATIENCE_S = 30
ZONE = ZoneInfo("America/New_York")


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


class Hub:
    """A hub that serves one device on a cable; stopped and started, the device stays plugged in."""

    def __init__(self, office, outbox, clock, *, driver, identity, plugged):
        office.now_ms = clock.utc_ns() // 10**6
        office.assign(identity=identity)
        self.office = office
        self.outbox = outbox
        self.enrolled = office.enroll()
        self.recorder = Recorder(
            outbox,
            clock,
            lambda start, before: open_epoch(
                "hub-1", self.enrolled.signer, KEY.public(), start, before
            ),
            Witness(
                "hub-1",
                partial(sign_statement, signer=self.enrolled.signer),
                lambda: office.now_ms,
            ),
            software="vitalpost 0",
        )
        self.device = Device(
            "device", "", identity, driver, False, socket=Socket(port=str(plugged.port))
        )
        self.sessions = Sessions(self.device, self.recorder, keep_no_journal)
        self.bench = Bench(clock, ZONE, look_s=0.005, silence_s=0.5)

    async def serve_until(self, is_done):
        async with asyncio.timeout(PATIENCE_S):
            serving = asyncio.create_task(Ports(self.bench, [self.sessions]).run())
            while not is_done():  # noqa: ASYNC110  a pty has no event
                await asyncio.sleep(0)
            serving.cancel()
            await asyncio.wait([serving])

    async def deliver(self):
        batch = await self.outbox.peek(0, 1000, 1 << 20)
        reply = self.office.take(self.enrolled, *batch.key_records.values(), *batch.runs)
        assert not reply.incidents


async def test_events_of_a_dispenser_are_readings_of_the_day_once_each(office, outbox, tmp_path):
    clock = HandClock()
    dispenser = Dispenser(lambda: site_time(clock, ZONE))
    plugged = Plugged(tmp_path / "ttyACM0", dispenser)
    identity = ("Vitalpost", "D1", "D1-000123")
    hub = Hub(office, outbox, clock, driver=DispenserSerial(), identity=identity, plugged=plugged)
    plugged.plug()
    dispenser.set_clock(site_time(clock, ZONE))
    for kind in (OPENED, JAMMED, DISPENSED):
        dispenser.happen(kind)
    await hub.serve_until(lambda: not dispenser.memory)
    stored = dispenser.happen(OPENED)
    dispenser.happen(DISPENSED, doses=2)
    hub.device.bookmark = ""  # as a hub that was killed before it was kept
    await hub.serve_until(lambda: not dispenser.memory)
    plugged.write(stored)  # once more, by itself
    plugged.write(dispenser.happen(OPENED))
    await hub.serve_until(lambda: not dispenser.memory)
    plugged.unplug()

    await hub.deliver()
    found = office.verify()
    assert found.problems == []
    assert found.readings == 5
    assert office.calendar().qualifying_days == 1


async def test_records_of_a_meter_are_readings_of_the_day_once_each(office, outbox, tmp_path):
    clock = HandClock()
    meter = Meter(lambda: site_time(clock, ZONE), model=0x4277)
    plugged = Plugged(tmp_path / "ttyUSB0", meter)
    identity = ("TaiDoc", "TD-4277", "3140A20250000017")
    hub = Hub(office, outbox, clock, driver=TaiDocSerial(), identity=identity, plugged=plugged)
    plugged.plug()
    for value in (101, 102, 103):
        meter.measure(value.to_bytes(2, "little") + bytes(2))
    await hub.serve_until(lambda: hub.device.bookmark)
    first = hub.device.bookmark
    plugged.write(meter.measure((104).to_bytes(2, "little") + bytes(2)))
    hub.device.bookmark = ""
    await hub.serve_until(lambda: hub.device.bookmark not in {"", first})
    plugged.unplug()

    await hub.deliver()
    found = office.verify()
    assert found.problems == []
    assert found.readings == 4
    assert office.count(tables.sighting) == 7
    assert office.calendar().qualifying_days == 1


@pytest.mark.parametrize("kind", ["dispenser", "taidoc"])
def test_the_emulator_is_a_program_that_answers_on_its_port(kind, tmp_path):
    port = tmp_path / "ttyUSB0"
    program = subprocess.Popen(
        [sys.executable, "-m", "simulator", "plugged", kind, "--port", port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert '"ready"' in program.stdout.readline()
    hello, size = ("56010101bcd8", 5) if kind == "dispenser" else ("512400000000a318", 8)
    with port.open("r+b", buffering=0) as line:
        os.write(line.fileno(), bytes.fromhex(hello))
        answer = os.read(line.fileno(), 100)
    assert len(answer) >= size
    said, _ = program.communicate('{"do": "fly"}\n{"do": "stop"}\n', timeout=PATIENCE_S)
    assert [line[:11] for line in said.splitlines()] == ['{"ok": fals', '{"ok": true']
    assert program.returncode == 0
