import asyncio
import json
import sys

import pytest

from simulator import script
from simulator.stage import Stage

VALUES = {"systolic": 121, "diastolic": 80, "mean": 90, "pulse": 60}
WITHOUT_SYSTEMD = {"watchdog"}


@pytest.fixture
async def stage(tmp_path):
    month = script.load(script.CUFF)
    async with Stage(month, tmp_path) as stage:
        stage.at(month.instant(1, "07:00"))
        await stage.install()
        await stage.measure(values=VALUES)
        yield stage


async def ask_doctor(stage):
    settings = ("--settings", str(stage.folder / "gateway.toml"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "--json", *settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert complained == b""
    told = json.loads(said)
    checks = {each["name"]: each for each in told["checks"]}
    assert process.returncode == (0 if told["ok"] else 1)
    return {name for name, each in checks.items() if each["mark"] == "fail"}, checks


@pytest.mark.long
async def test_the_way_to_a_receipt_is_tried_and_where_it_ends_is_named(stage):
    readings = (await stage.ask_office("hubs"))["hubs"][0]["measurements"]
    failed, checks = await ask_doctor(stage)
    assert {name: checks[name]["what"] for name in failed} == {}
    doubtful = {name for name, each in checks.items() if each["mark"] == "warn"}
    assert doubtful <= WITHOUT_SYSTEMD | {"disk"}  # as this machine is
    assert "signed for a record" in checks["round-trip"]["what"]
    # The record is no reading, and the hub kept its one session with the broker.
    assert (await stage.ask_office("hubs"))["hubs"][0]["measurements"] == readings
    assert (await stage.ask_office("verify"))["problems"] == []
    assert "already connected" not in stage.broker.said()

    await stage.broker.stop()
    failed, checks = await ask_doctor(stage)
    assert failed == {"broker", "tls", "round-trip"}
    assert "no broker is reached" in checks["round-trip"]["what"]

    await stage.hub.kill()
    await stage.broker.start()
    failed, checks = await ask_doctor(stage)
    assert failed == {"hub", "round-trip"}
    assert checks["broker"]["what"] == "it takes this hub, as was tried from here"
