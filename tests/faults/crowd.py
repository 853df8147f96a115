"""1,000 hubs whose broker comes back: how they spread over the seconds after."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.faults.loop import VirtualLoop
from tests.faults.quarter import FILES_IN_MEMORY, keep_silent
from tests.faults.run import Result, Run
from uplink.errors import BrokerUnreachable
from uplink.forwarder import Forwarder
from uplink.mqtt import Broker
from uplink.offers import Pace
from uplink.outbox import Outbox
from uplink.route import Route
from uplink.witness import Witness

OUTAGES_S = {10: 0.35, 600: 0.01, 7200: 0.01}
"""How long the broker is away, and the share of all hubs that may come in any one second after."""


async def reconnections(run: Run) -> Result:
    """The real forwarder of each on a virtual clock, for outages of 10 s, 10 min and 2 h."""
    hubs = run.either(200, 1000)
    peaks = await asyncio.to_thread(_measure, run, hubs)
    told = ", ".join(f"{peak:.1%} after {outage_s} s" for outage_s, peak in peaks.items())
    # A share of few hubs strays: three standard deviations of a count are allowed for.
    limits = {s: share + 3 * (share / hubs) ** 0.5 for s, share in OUTAGES_S.items()}
    bad = [
        f"{peaks[s]:.1%} of the hubs in one second after {s} s"
        for s in limits
        if peaks[s] > limits[s]
    ]
    return Result(
        hubs * len(peaks), note=f"most in one second: {told}", violation="; ".join(bad) or None
    )


def _measure(run: Run, hubs: int) -> dict[int, float]:
    keep_silent()
    peaks = {}
    for outage_s in OUTAGES_S:
        with (
            tempfile.TemporaryDirectory(dir=FILES_IN_MEMORY or run.folder) as folder,
            asyncio.Runner(loop_factory=VirtualLoop) as runner,
        ):
            seconds = runner.run(_come_back(run.dice, Path(folder), hubs, outage_s))
        peaks[outage_s] = max(seconds.values()) / hubs
    return peaks


class Gate:
    """A broker that is there, away, and there again."""

    def __init__(self) -> None:
        self.is_open = True
        self.links: list[Open] = []

    async def connect(self, *_: object) -> Open:
        if not self.is_open:
            raise BrokerUnreachable("broker:8883")
        self.links.append(Open())
        return self.links[-1]


class Open:
    """A connection on which nothing happens until it ends."""

    quiet_s = 0.0

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self.lost = loop.create_future()

    async def subscribe(self, _topic: str) -> None:
        pass

    def publish(self, *_: object, **__: object) -> asyncio.Future[int]:
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(0)
        return answer

    async def close(self) -> None:
        pass


async def _come_back(dice: Random, folder: Path, hubs: int, outage_s: int) -> Counter[int]:
    loop, gate = asyncio.get_running_loop(), Gate()
    made = [await _make(folder / f"hub-{n}", dice, gate.connect) for n in range(hubs)]
    running = [asyncio.create_task(forwarder.run()) for _, forwarder in made]
    await asyncio.sleep(3600)
    before, gate.is_open = len(gate.links), False
    for link in gate.links:
        link.lost.set_result(BrokerUnreachable("broker:8883"))
    await asyncio.sleep(outage_s)
    gate.is_open, opened_at = True, loop.time()
    await asyncio.sleep(2 * Pace().longest_reconnect_s)
    for task in running:
        task.cancel()
    for ended in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise ended
    for outbox, _ in made:
        await outbox.close()
    return Counter(int(link.since - opened_at) for link in gate.links[before:])


async def _make(folder: Path, dice: Random, connect: Callable) -> tuple[Outbox, Forwarder]:
    folder.mkdir()  # noqa: ASYNC240  nothing else waits
    outbox = await Outbox.open(folder / "outbox.db", quota_bytes=1 << 20)
    route = Route(Broker("broker", 8883, folder.name, None), [])
    now = asyncio.get_running_loop().time
    witness = Witness(folder.name, lambda _: b"", lambda: 0)
    return outbox, Forwarder(
        outbox, route, witness, pace=Pace(draw=dice.uniform), now=now, connect=connect
    )
