import asyncio
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.devices.cuff import Cuff
from simulator.frames import Values
from simulator.oximeter import Oximeter
from tests.fakes.hub_folder import HubFolder
from uplink.outbox import Outbox
from uplink.records import ClockRecord, ReadingRecord, SeriesRecord

ADDRESS = "F0:00:00:12:34:56"
DEADLINE_S = 30
VIRTUAL = """
[radio]
backend = "virtual"
options = {{hci = "{hci}", keystore = "{keystore}"}}
[clock]
source = "script"
options = {{file = "{clock}"}}
[[devices]]
name = "cuff"
driver = "sig-blood-pressure"
address = "F0:00:00:12:34:56"
maker = "A&D Medical"
model = "UA-651BLE"
serial = "5100000001"
bond = true
"""
WIRED = """
[[devices]]
name = "oximeter"
driver = "contec-cms50"
port = "{port}"
maker = "Contec"
model = "CMS50D+"
serial = "1"
"""


class Daemon:
    """`vitalpost run` as systemd starts it; without a system bus, so that no radio is touched."""

    def __init__(self, hub, folder):
        self.hub = hub
        self.folder = folder
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(DEADLINE_S)
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--settings", hub.settings],
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(folder / "notify"),
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/no-bus",
            },
            stdout=self.log,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self):
        return self.manager.recv(200).decode()

    def stop(self):
        self.process.terminate()
        _, words = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, words

    def lines(self):
        self.log.seek(0)
        return [json.loads(line) for line in self.log]

    def close(self):
        self.process.kill()
        self.process.communicate()
        self.manager.close()
        self.log.close()


@pytest.fixture
def start(tmp_path):
    started = []

    def start(hub, name="daemon"):
        (tmp_path / name).mkdir()
        started.append(Daemon(hub, tmp_path / name))
        return started[-1]

    yield start
    for daemon in started:
        daemon.close()


def test_a_hub_without_radio_and_broker_is_ready_and_stops_cleanly(tmp_path, start):
    hub = HubFolder(tmp_path)
    daemon = start(hub)
    assert daemon.hear() == "READY=1\nSTATUS=0 devices enrolled"
    assert daemon.stop() == (0, "")
    assert daemon.hear() == "STOPPING=1"
    events = [line["event"] for line in daemon.lines()]
    assert [e for e in events if e != "broker-not-reached"] == [
        "radio-away",
        "hub-ready",
        "hub-stopping",
    ]


@asynccontextmanager
async def home_with_a_cuff(folder):
    clock = ScriptClock.create(folder / "clock", quality=4)
    air = Air()
    hci = await air.open()
    serial = "5100000001"
    cuff = Cuff(air, clock, lambda *_, **__: None, address=ADDRESS, serial=serial, ppm=0)
    more = VIRTUAL.format(hci=hci, keystore=folder / "bonds", clock=folder / "clock")
    living = asyncio.create_task(cuff.run())
    async with asyncio.timeout(DEADLINE_S):
        yield cuff, HubFolder(folder, more)
    living.cancel()
    air.close()


async def test_what_a_cuff_measured_outlives_the_hub_and_its_epoch_is_closed(tmp_path, start):
    async with home_with_a_cuff(tmp_path) as (cuff, hub):
        daemon = start(hub)
        await asyncio.to_thread(daemon.hear)
        await asyncio.to_thread(hub.ask, "setup-open")
        cuff.keep(frame := cuff.build(Values(125, 80, 102, 64)))
        await cuff.idle.wait()
        assert await asyncio.to_thread(daemon.stop) == (0, "")
    *_, reading, stop = await hub.read_records()
    assert isinstance(reading, ReadingRecord)
    assert reading.raw == (("2A35", frame),)
    assert isinstance(stop, ClockRecord)
    assert stop.cause == "stop"
    outbox = await Outbox.open(hub.outbox, quota_bytes=1 << 30)
    assert outbox.previous().closed_cleanly
    await outbox.close()
    log = json.dumps(daemon.lines())
    assert not [secret for secret in (ADDRESS, "5100000001", "125") if secret in log]


async def taken(oximeter):
    """Until nothing waits on the line; the kernel hands it from end to end in its own time."""
    calm = 0
    async with asyncio.timeout(DEADLINE_S):
        while calm < 20:
            await asyncio.sleep(0.01)
            calm = 0 if oximeter.waits() else calm + 1


async def test_what_an_oximeter_streamed_is_kept_though_the_hub_stops_in_the_middle(
    tmp_path, start
):
    oximeter = Oximeter(tmp_path / "ttyUSB0")
    oximeter.plug()
    daemon = start(HubFolder(tmp_path, WIRED.format(port=oximeter.port)))
    await asyncio.to_thread(daemon.hear)
    oximeter.beat()
    await taken(oximeter)
    sent = oximeter.beat(100)
    await taken(oximeter)
    assert await asyncio.to_thread(daemon.stop) == (0, "")
    oximeter.unplug()
    *_, series, stop = await daemon.hub.read_records()
    assert isinstance(series, SeriesRecord)
    assert series.raw[1].endswith(sent)
    assert stop.cause == "stop"
    assert [line["event"] for line in daemon.lines() if line["level"] == "error"] == []


async def test_a_hub_whose_flash_fails_ends_with_1_and_keeps_what_it_had(tmp_path, start):
    async with home_with_a_cuff(tmp_path) as (cuff, hub):
        daemon = start(hub)
        await asyncio.to_thread(daemon.hear)
        await asyncio.to_thread(hub.ask, "setup-open")
        cuff.keep(cuff.build(Values(125, 80, 102, 64)))
        await cuff.idle.wait()
        limit = 2 * [hub.outbox.with_name("outbox.db-wal").stat().st_size]
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        cuff.keep(cuff.build(Values(130, 80, 102, 64)))
        _, said = await asyncio.to_thread(daemon.process.communicate, timeout=DEADLINE_S)
    assert daemon.process.returncode == 1
    fault, hint = said.splitlines()
    assert "outbox.db: SQLITE_IOERR" in fault
    assert hint
    assert sum(isinstance(record, ReadingRecord) for record in await hub.read_records()) == 1


def _spoil_settings(hub):
    hub.settings.write_text(hub.settings.read_text() + 'color = "blue"\n')


def _take_key_away(hub):
    (hub.credentials / "hub.sign.key").unlink()


def _want_another_suite(hub):
    hub.settings.write_text(
        hub.settings.read_text().replace("[broker]", 'suite = "x25519"\n[broker]')
    )
    keys = hub.credentials / "backend.hpke.pub"
    keys.write_text(keys.read_text().splitlines()[0])
    (hub.credentials / "office.time").write_text("1790000000000\n")  # as before there were digests


def _be_of_the_future(hub):
    hub.outbox.parent.mkdir()
    with sqlite3.connect(hub.outbox) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def _stand_in_the_way(hub):
    hub.outbox.parent.write_text("a file")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_spoil_settings, "broker.color: found 'blue', wanted one of host"),
        (_take_key_away, "hub.sign.key: found No such file or directory, wanted an Ed25519"),
        (_want_another_suite, "hub.suite: found 'x25519', wanted a suite of which"),
        (_be_of_the_future, "found format 99"),
        (_stand_in_the_way, "hub.state: found"),
    ],
)
def test_a_hub_that_is_set_up_wrong_says_so_in_a_line_and_exits_78(tmp_path, start, spoil, words):
    hub = HubFolder(tmp_path)
    spoil(hub)
    daemon = start(hub)
    _, said = daemon.process.communicate(timeout=DEADLINE_S)
    assert daemon.process.returncode == 78
    fault, hint = said.splitlines()
    assert words in fault
    assert hint


def test_a_second_hub_on_the_same_control_socket_gives_way(tmp_path, start):
    (tmp_path / "other").mkdir()
    hub, other = HubFolder(tmp_path), HubFolder(tmp_path / "other")
    settings = other.settings.read_text().replace(str(other.control), str(hub.control))
    other.settings.write_text(settings)
    first = start(hub, "first")
    first.hear()
    second = start(other, "second")
    _, said = second.process.communicate(timeout=DEADLINE_S)
    assert second.process.returncode == 1
    assert "control.sock: in use by another process" in said
    assert "[control] socket" in said
    assert hub.ask("hello")["ok"]
    assert first.stop()[0] == 0
    assert not hub.control.exists()


def test_a_second_hub_on_the_same_outbox_gives_way(tmp_path, start):
    hub = HubFolder(tmp_path)
    first = start(hub, "first")
    first.hear()
    second = start(hub, "second")
    _, said = second.process.communicate(timeout=DEADLINE_S)
    assert second.process.returncode == 1
    assert "in use by another process" in said
    assert first.stop()[0] == 0
