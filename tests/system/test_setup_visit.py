import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from backend.enrolment.enroll import answer, enter_hub, read
from backend.keys.folder import load_authority
from backend.keys.keygen import make_keys
from backend.ledger import Ledger
from backend.reading_names import ReadingNames
from gateway.control.client import ask
from gateway.errors import HubNotRunning
from gateway.identity.provision import install_answer, make_request
from gateway.settings import ControlSettings
from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.devices.cuff import Cuff
from simulator.frames import Values
from tests.fakes.broker import MosquittoBroker

ROOT = Path(__file__).parents[2]
ADDRESS, SERIAL = "F0:00:00:12:04:12", "5100000412"
NOW_MS = 1_790_000_000_000
DEADLINE_S = 60
HUB = """
[hub]
id = "hub-1"
site_zone = "America/New_York"
state = "{folder}/state"
credentials = "{folder}/credentials"
[broker]
host = "127.0.0.1"
port = {port}
[control]
socket = "{folder}/control.sock"
[radio]
backend = "virtual"
options = {{hci = "{hci}", keystore = "{folder}/bonds"}}
[clock]
source = "script"
options = {{file = "{folder}/clock"}}
"""
OFFICE = """
[ledger]
path = "{folder}/ledger.db"
[keys]
dir = "{folder}/keys"
[broker]
host = "127.0.0.1"
port = {port}
"""


class Visit:
    """A home with one cuff, a hub without a line about devices, a broker and an office."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.stack = stack
        self.keys = folder / "keys"
        make_keys(self.keys, "127.0.0.1")
        self.certificate, self.revoked = self.keys / "ca.crt", self.keys / "ca.crl"
        self.broker = MosquittoBroker(folder / "broker", self)
        self.broker.start()
        stack.callback(self.broker.kill)
        authority = load_authority(self.keys)
        request = read(msgspec.json.encode(make_request(folder / "credentials", "hub-1")))
        ledger = Ledger(folder / "ledger.db", ReadingNames.of(self.keys), create=True)
        with ledger.writing() as connection:
            certificate = enter_hub(connection, authority, request, NOW_MS)
        answered = answer(self.keys, request, certificate, NOW_MS)
        install_answer(folder / "credentials", "hub-1", msgspec.json.encode(answered))
        self.office = folder / "backend.toml"
        self.office.write_text(OFFICE.format(folder=folder, port=self.broker.port))

    def issue(self, name):
        return self.keys / f"{name}.crt", self.keys / f"{name}.key"

    def settle(self, hci):
        self.settings = self.folder / "gateway.toml"
        self.settings.write_text(HUB.format(folder=self.folder, port=self.broker.port, hci=hci))

    def start(self, *words):
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/no-bus"},
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    async def call(self, *words, settings=None, module="gateway"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *words, "--settings", settings or self.settings),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def until(self, is_so):
        while not await asyncio.to_thread(self._look, is_so):  # noqa: ASYNC110  it is asked
            await asyncio.sleep(0.05)

    def _look(self, is_so):
        try:
            return is_so(ask(ControlSettings(str(self.folder / "control.sock")), "status"))
        except HubNotRunning:
            return False


@pytest.fixture
async def visit(tmp_path):
    with ExitStack() as stack:
        yield Visit(tmp_path, stack)


async def test_a_kit_is_delivered_without_a_line_of_configuration_and_survives_kill_9(visit):
    clock = ScriptClock.create(visit.folder / "clock", quality=4)
    air = Air()
    visit.settle(await air.open())
    cuff = Cuff(air, clock, lambda *_, **__: None, address=ADDRESS, serial=SERIAL, ppm=0)
    living = asyncio.create_task(cuff.run())
    async with asyncio.timeout(DEADLINE_S):
        await cuff.powered.wait()
        visit.start("backend", "run", "--settings", visit.office)
        hub = visit.start("gateway", "run", "--settings", visit.settings)
        await visit.until(lambda status: status["uplink"]["connected"])
        assert (await visit.call("setup", "open"))[0] == 0
        cuff.switch_on()
        words = ("--consent", "signed", "--visit", "V-7", "--serial", SERIAL, "--json")
        adding = asyncio.create_task(visit.call("devices", "add", "blood-pressure", *words))
        await visit.until(lambda status: status["devices"])
        cuff.keep(cuff.build(Values(128, 76, 93, 68)))
        code, out, _ = await adding
        assert code == 0
        told = json.loads(out)
        assert told["steps"]["office_ms"]
        hub.kill()
        hub.wait()
        visit.start("gateway", "run", "--settings", visit.settings)
        await visit.until(lambda status: [one["name"] for one in status["devices"]])
        cuff.keep(cuff.build(Values(131, 78, 95, 66)))
        await visit.until(lambda s: s["devices"][0]["reading_s"] is not None)
        await visit.until(lambda s: s["outbox"]["waiting"] == 0)
    living.cancel()
    air.close()
    code, out, _ = await visit.call("verify", "--json", settings=visit.office, module="backend")
    found = json.loads(out)
    assert (code, found["readings"], found["implausible"]) == (0, 2, {})


@pytest.mark.long
def test_a_hub_that_is_killed_at_any_step_of_a_swap_has_the_one_or_the_other(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.mortal_desk", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    lives = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lives) > 12
    assert [life["code"] for life in lives] == [9] * (len(lives) - 1) + [0]
    states = [(life["serials"], life["ended"]) for life in lives]
    before, after = (["51"], []), (["52"], ["51"])
    assert set(map(str, states)) == {str(before), str(after)}
    assert states == sorted(states, key=lambda state: state != before)
