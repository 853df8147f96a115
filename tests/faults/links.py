"""A link that dies without a word: bytes go in, none come out, nothing is closed."""

from __future__ import annotations

from simulator.proxy import CountingProxy
from tests.faults.rig import Rig
from tests.faults.run import Result, Run, conclude

READINGS = 450
KEEPALIVE_S = 5


async def silent_link(run: Run) -> Result:
    """450 readings while the link is dead; the hub says so, and sends all of it once it is not."""
    async with (
        Rig(run.folder, meters=3) as rig,
        CountingProxy(rig.broker_port) as proxy,
    ):
        hub = rig.hub
        hub.broker_port, hub.keepalive_s = proxy.port, KEEPALIVE_S
        hub.write_settings()
        await rig.start()
        hub.measure(10)
        await rig.settle()
        passed = proxy.bytes_up
        proxy.is_silent = True
        hub.measure(READINGS)
        await rig.wait("empty meters", lambda: hub.ward.is_empty)
        await rig.wait(
            "that the silence is noticed", lambda: bool(hub.logged("broker-not-reached"))
        )
        is_said = run.is_quick or await _say_office(rig)
        proxy.is_silent = False
        await rig.settle()
        await rig.stop_hubs()
        swallowed, sent = proxy.bytes_swallowed, proxy.bytes_up - passed
        note = f"{swallowed} bytes swallowed, {sent / READINGS:.0f} sent per reading"
        bad = None if is_said else "the hub never said that the office is not reached"
        return conclude(rig.judge(), 1, note, bad)


async def _say_office(rig: Rig) -> bool:
    said = lambda: bool(rig.hub.logged("office-not-reached"))  # noqa: E731
    await rig.wait("that the office is missed", said, 60)
    return said()
