"""Five serial devices on ptys, one hub, a broker and an office: all of them processes."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import datetime

import pytest
from sqlalchemy import create_engine, func, select

from backend import tables
from simulator.clock import ScriptClock
from simulator.nonin import SpotChecker, StreamingOximeter
from simulator.oximeter import STOP, Oximeter
from simulator.oximeter_v7 import PATIENCE_FRAMES, OximeterV7
from simulator.processes import Program, program, run
from simulator.stage import BACKEND_TOML, free_port, mosquitto, write_broker_files
from simulator.wired_cuff import WiredCuff

PATIENCE_S = 60
SECOND_NS = 10**9
BEGINS_NS = 1_790_000_000 * SECOND_NS
UNKNOWN, LIVE, STORED = range(3)
HUB = """
[hub]
id = "hub-1"
state = "{folder}/hub"
credentials = "{folder}/hub/credentials"
site_zone = "UTC"
[broker]
host = "127.0.0.1"
port = {port}
[control]
socket = "{folder}/control.sock"
[clock]
source = "script"
options = {{ file = "{folder}/clock" }}
"""
DEVICE = """
[[devices]]
name = "{driver}"
driver = "{driver}"
port = "{port}"
maker = "Maker"
model = "{driver}"
serial = "1"
"""


class Ward:
    """The processes, and what the office has in its ledger."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.clock = ScriptClock.create(folder / "clock", quality=4)
        self.clock.jump_to(BEGINS_NS)
        settings = ["--settings", str(folder / "gateway.toml")]
        self.office = ["--settings", str(folder / "backend.toml")]
        self.hub_settings = settings
        self.broker = Program("broker", [mosquitto(), "-c", f"{folder}/mosquitto.conf"], folder)
        self.backend = Program(
            "backend", [program("vitalpost-backend"), "run", *self.office], folder
        )
        hub = ["env", f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={folder}/no-bus", program("vitalpost")]
        self.hub = Program("hub", [*hub, "run", *settings], folder)

    async def install(self, devices):
        folder, vitalpost = self.folder, program("vitalpost")
        await run(
            program("vitalpost-backend"), "keygen", str(folder / "keys"), "--broker", "127.0.0.1"
        )
        write_broker_files(folder, folder / "keys", self.port)
        office = BACKEND_TOML.format(folder=folder, port=self.port)
        (folder / "backend.toml").write_text(office)
        hub = HUB.format(folder=folder, port=self.port)
        tables = [DEVICE.format(driver=name, port=each.port) for name, each in devices.items()]
        (folder / "gateway.toml").write_text(hub + "".join(tables))
        (folder / "hub").mkdir()
        request, answer = folder / "request.json", folder / "answer.json"
        request.write_text(await run(vitalpost, "provision", "request", *self.hub_settings))
        enrol = ["--patient", "patient-1", "--zone", "UTC", "--device", "Maker/nonin-9560/1"]
        told = [str(request), *enrol, "--from", "2026-09-01", *self.office]
        answer.write_text(await run(program("vitalpost-backend"), "enroll", *told))
        await run(vitalpost, "provision", "install", str(answer), *self.hub_settings)
        await self.broker.start()
        await self.backend.start()
        # What nobody subscribed to is offered again after half a minute only.
        await self.until(lambda: "subscribed" in self.backend.said())
        await self.hub.start()

    def readings(self):
        """How many there are, by driver and origin; of failed ones the origin is "failed"."""
        engine = create_engine(f"sqlite:///{self.folder / 'ledger.db'}")
        named = (
            select(tables.epoch_device.c.device, tables.epoch_device.c.driver).distinct().subquery()
        )
        asked = (
            select(named.c.driver, tables.sighting.c.origin, tables.reading.c.failed, func.count())
            .join_from(tables.sighting, tables.reading)
            .join(named, named.c.device == tables.reading.c.device)
            .group_by(named.c.driver, tables.sighting.c.origin, tables.reading.c.failed)
        )
        with engine.connect() as connection:
            rows = connection.execute(asked).all()
        engine.dispose()
        return {(driver, "failed" if failed else origin): n for driver, origin, failed, n in rows}

    async def until(self, holds, live=lambda: None):
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                for part in (self.hub, self.backend, self.broker):
                    part.assert_alive()
                live()
                await asyncio.sleep(0.05)


@pytest.fixture
def devices(tmp_path):
    now = datetime.fromisoformat("2026-09-21T13:00")
    devices = {
        "contec-cms50": Oximeter(tmp_path / "ttyUSB0"),
        "contec-cms50-v7": OximeterV7(tmp_path / "ttyUSB1"),
        "nonin-9560": SpotChecker(tmp_path / "rfcomm0", now),
        "nonin-serial": StreamingOximeter(tmp_path / "ttyUSB2"),
        "and-ua767pc": WiredCuff(tmp_path / "ttyUSB3"),
    }
    for device in devices.values():
        device.plug()
    yield devices
    for device in devices.values():
        device.unplug()


@pytest.mark.long
async def test_each_serial_device_comes_through_the_hub_with_its_quirk(tmp_path, devices):
    cms50, v7, checker, stream, cuff = devices.values()
    cms50.recording = [(60 + n % 40, 97) for n in range(90)]
    checker.keep(80, 95)
    checker.keep(81, 94)
    ward = Ward(tmp_path)
    async with AsyncExitStack() as stack:
        for part in (ward.broker, ward.backend, ward.hub):
            stack.push_async_callback(part.stop)
        await ward.install(devices)
        heard = bytearray()

        def live():
            heard.extend(cms50.answer())
            cms50.beat(30)
            checker.answer()
            v7.beat(30)

        await ward.until(lambda: v7.streams and checker.format == 13, live)
        checker.measure(72, 97)
        stream.beat(8)
        stream.take_finger_out()
        cuff.measure(120, 80, 72, 93)
        await ward.until(lambda: ("contec-cms50", STORED) in ward.readings(), live)
        cms50.has_finger = False
        cms50.beat(2)
        await ward.until(lambda: STOP in heard, lambda: heard.extend(cms50.heard()))
        assert checker.memory == []

        # Patience is half a minute of frames: only a keep-alive brings more.
        ward.clock.jump_to(BEGINS_NS + 15 * SECOND_NS)
        await ward.until(lambda: v7.kept_alive, v7.beat)
        assert v7.left > PATIENCE_FRAMES - 600
        cuff.fail()
        wanted = {
            ("contec-cms50", LIVE),
            ("contec-cms50", STORED),
            ("contec-cms50-v7", LIVE),
            ("nonin-9560", LIVE),
            ("nonin-9560", STORED),
            ("nonin-serial", LIVE),
            ("and-ua767pc", UNKNOWN),
            ("and-ua767pc", "failed"),
        }
        await ward.until(lambda: wanted <= ward.readings().keys())
        # What was kept is on flash when the clock is set by the hub's.
        await ward.until(
            lambda: checker.now.year == 2026 and checker.now.hour != 13, checker.answer
        )

        found = ward.readings()
        assert found["nonin-9560", STORED] == 2
        assert found["nonin-9560", LIVE] == 1
        assert found["contec-cms50", STORED] == 1
        assert found["nonin-serial", LIVE] == 1
        told = await run(program("vitalpost-backend"), "verify", *ward.office, "--json")
        assert json.loads(told)["problems"] == []
        await ward.hub.stop()
    events = [json.loads(line) for line in ward.hub.log.read_text().splitlines()]
    assert [line["event"] for line in events if line["level"] == "error"] == []
