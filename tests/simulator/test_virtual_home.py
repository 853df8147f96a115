import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

import simulator
from simulator.radio import VirtualRadio
from tests.simulator.stand import DEADLINE_S, Hub

ROOT = Path(simulator.__file__).parents[1]
DYING_HUB = Path(__file__).parent / "dying_hub.py"
NOON = datetime.fromisoformat("2026-03-08T12:00")
VALUES = {"systolic": 125, "diastolic": 80, "mean": 102, "pulse": 64}


class Home:
    def __init__(self, process):
        self.process = process

    async def ask(self, line):
        line = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.process.stdin.write(line + b"\n")
        return await self.hear()

    async def hear(self):
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S))


@asynccontextmanager
async def process(*words):
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    started = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=PIPE, stdout=PIPE, env=env
    )
    try:
        yield started
    finally:
        started.stdin.close()
        await asyncio.wait_for(started.communicate(), DEADLINE_S)


@pytest.fixture
async def home(tmp_path):
    clock, log = str(tmp_path / "clock"), str(tmp_path / "cuff.jsonl")
    async with process("-m", "simulator", "home", "--clock", clock, "--log", log) as started:
        yield Home(started)
    assert started.returncode == 0


async def test_a_record_that_a_killed_hub_did_not_confirm_goes_to_the_next_hub(home, tmp_path):
    hci = (await home.hear())["hci"]
    bonds = str(tmp_path / "bonds.json")
    measured = await home.ask({"id": 1, "do": "measure", "values": VALUES})
    async with process(str(DYING_HUB), hci, bonds) as hub:
        received = await asyncio.wait_for(hub.stdout.read(), DEADLINE_S)
    assert hub.returncode == -9
    assert received.decode() == measured["frame"]
    assert (await home.ask({"do": "memory"}))["frames"] == [measured["frame"]]

    radio = VirtualRadio(hci, bonds)
    await radio.start()
    assert await Hub(radio).visit(NOON) == [bytes.fromhex(measured["frame"])]
    await radio.stop()
    assert await home.ask({"id": 2, "do": "wait-delivered", "timeout_s": 20}) == {
        "id": 2,
        "ok": True,
    }
    log = [json.loads(line) for line in (tmp_path / "cuff.jsonl").read_text().splitlines()]
    assert [line["event"] for line in log] == ["measured", "clock-set", "clock-set", "confirmed"]


async def test_each_line_that_is_no_command_gets_one_error_and_the_home_lives(home):
    await home.hear()
    garbage = [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"do": "explode"}',
        b'{"do": ["measure"]}',
        b'{"do": "measure"}',
        b'{"do": "measure", "values": {"systolic": 120}}',
        b'{"do": "measure", "frame": "16"}',
        b'{"do": "resend", "count": true}',
        b'{"do": "set-clock", "device_time": "9999-01-01T00:00:00"}',
        b'{"do": "wait-connected", "timeout_s": 0}',
        b"[" * 100_000,
        b'"' + b"x" * 2_000_000,
    ]
    for line in garbage:
        answer = await home.ask(line)
        assert (answer["ok"], answer["id"]) == (False, None)
        assert answer["error"]
        assert answer["hint"]
    assert await home.ask({"id": "alive", "do": "memory"}) == {
        "id": "alive",
        "ok": True,
        "frames": [],
    }


async def test_what_cannot_be_delivered_is_said_to_the_conductor_who_waits(home):
    await home.hear()
    for command in (
        {"do": "out-of-range", "value": True},
        {"do": "set-clock", "device_time": "2017-01-16T12:39:54"},
        {"do": "measure", "frame": "167d0050006600e10701100c273640000000"},
        {"do": "measure", "failed": True},
        {"do": "reset-clock"},
        {"do": "pair"},
    ):
        assert (await home.ask(command))["ok"]
    late = await home.ask({"id": 1, "do": "wait-delivered", "timeout_s": 0})
    assert (late["ok"], late["error"]) == (False, "wait-delivered: not within 0 s")
    assert await home.ask({"id": 2, "do": "stop"}) == {"id": 2, "ok": True}
    assert await asyncio.wait_for(home.process.wait(), DEADLINE_S) == 0


async def test_a_home_with_several_devices_is_told_which_one_is_meant(tmp_path):
    files = ("--clock", str(tmp_path / "clock"), "--log", str(tmp_path / "log.jsonl"))
    wanted = ("--device", "scale=scale serial=S-1", "--device", "pills=dispenser")
    async with process("-m", "simulator", "home", *files, *wanted) as started:
        home = Home(started)
        devices = (await home.hear())["devices"]
        assert devices["scale"].keys() == {"address"}
        assert devices["pills"] == {"port": str(tmp_path / "pills.tty")}
        weigh = {"do": "measure", "values": {"weight_g": 80_000, "user": 1}}
        for device, fault in (
            (None, "wanted one of"),
            ("cuff", "wanted one of"),
            ("pills", "kind"),
        ):
            refused = await home.ask({"device": device, **weigh})
            assert not refused["ok"]
            assert fault in refused["error"]
        assert (await home.ask({"device": "scale", **weigh}))["ok"]
        assert (await home.ask({"do": "wait-alone", "timeout_s": 1}))["ok"]
        waiting = await home.ask({"do": "wait-delivered", "device": "scale", "timeout_s": 0})
        assert not waiting["ok"]
        assert (await home.ask({"do": "plug", "device": "pills", "value": False}))["ok"]
        assert not (tmp_path / "pills.tty").is_symlink()
    [line] = (tmp_path / "log.jsonl").read_text().splitlines()
    assert (json.loads(line)["device"], json.loads(line)["user"]) == ("scale", 1)


@pytest.mark.parametrize(
    "wanted", ["", "cuff", "cuff=toaster", "cuff=scale colour=red", "cuff=scale ppm=x", "'"]
)
async def test_a_device_that_cannot_be_made_is_refused_by_the_command_line(tmp_path, wanted):
    files = ("--clock", str(tmp_path / "clock"), "--log", str(tmp_path / "log"))
    async with process("-m", "simulator", "home", *files, "--device", wanted) as started:
        await asyncio.wait_for(started.wait(), DEADLINE_S)
    assert started.returncode == 2
