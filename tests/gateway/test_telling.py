import asyncio

import pytest

from gateway.reports import Problem
from gateway.telling import LOOK_S, judge_health, watch_health
from tests.fakes.asked_hub import AskedHub
from tests.fakes.told_part import ToldPart
from tests.faults.loop import VirtualLoop
from uplink.status import Health

STUCK = Problem("the radio is stuck", "Swap the gateway.", needs_help=True)


@pytest.fixture
async def hub(tmp_path):
    hub = await AskedHub.open(tmp_path)
    yield hub
    await hub.storage.outbox.close()


async def test_the_office_hears_of_clock_signal_and_of_what_the_hub_cannot_heal(hub):
    assert judge_health(hub.parts) == Health(clock_quality=3)
    radio, network = ToldPart("radio"), ToldPart("network", {"signal": "good"})
    hub.reporters += [radio, network]
    radio.amiss = [Problem("the radio is silent", "Nothing to do.")]
    assert judge_health(hub.parts) == Health(clock_quality=3, signal="good")
    radio.amiss = [STUCK]
    hub.clock.level = 0
    assert judge_health(hub.parts) == Health(0, "good", needs_help=True)


def test_a_change_of_grade_is_told_within_a_minute_and_nothing_else_is():
    told = []

    async def live():
        now = asyncio.get_running_loop().time
        health = Health(5, "good")
        watching = asyncio.create_task(watch_health(lambda: health, lambda: told.append(now())))
        for minutes, becomes in (
            (10, Health(9, "weak")),
            (20, Health(9, "weak", needs_help=True)),
            (30, Health(0, "", needs_help=True)),
        ):
            await asyncio.sleep(minutes * 60 + 1 - now())
            health = becomes
        await asyncio.sleep(3600)
        watching.cancel()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live())
    assert told == [20 * 60 + LOOK_S, 30 * 60 + LOOK_S]
