"""`kill -9` at random over hubs, workers and broker while readings flow."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.faults.rig import Part, Rig
from tests.faults.run import Result, Run, conclude

ROUND_KILLS = 60
READINGS_PER_S = 20
BACKLOG = 40


async def random_kills(run: Run) -> Result:
    """Each part has its own killer, who strikes in the middle of work as well as at leisure."""
    left = run.either(60, 1000)
    injected = left
    async with Rig(run.folder, hubs=3, meters=2, workers=2) as rig:
        await rig.start()
        while left:
            this_round = min(left, ROUND_KILLS)
            left -= this_round
            await _strike(run, rig, this_round)
            await _recover(rig)
        await rig.stop_hubs()
        return conclude(rig.judge(), injected)


async def _strike(run: Run, rig: Rig, kills: int) -> None:
    lines = JournalTail(rig)
    budget = [kills]
    measuring = asyncio.create_task(_measure(rig))
    parts = (*rig.hubs, *rig.workers, rig.broker)
    try:
        async with asyncio.TaskGroup() as killers:
            watching = killers.create_task(lines.follow())
            striking = [killers.create_task(_kill(run, rig, part, lines, budget)) for part in parts]
            await asyncio.wait(striking)
            watching.cancel()
    finally:
        measuring.cancel()


async def _kill(run: Run, rig: Rig, part: Part, lines: JournalTail, budget: list[int]) -> None:
    dice = run.dice
    is_broker = part is rig.broker
    while budget[0]:
        if is_broker or dice.random() < 0.3:
            await asyncio.sleep(dice.uniform(0.2, 2) if is_broker else dice.uniform(0, 1.5))
        else:
            await lines.wait_for(part.name, dice.randint(1, 12))
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.01)))
        if not budget[0]:
            return
        budget[0] -= 1
        await rig.kill(part)
        await rig.launch(part)


async def _measure(rig: Rig) -> None:
    while True:
        for hub in rig.hubs:
            for meter in hub.ward.meters:
                if len(meter.memory) < BACKLOG:
                    meter.measure()
        await asyncio.sleep(2 * len(rig.hubs) / READINGS_PER_S)


async def _recover(rig: Rig) -> None:
    """Let all live, and wait until the office has everything."""
    await rig.wait("the workers", lambda: all(map(rig.is_subscribed, rig.workers)))
    for hub in rig.hubs:  # what a broker took for nobody is offered again at once
        await rig.kill(hub)
        await rig.launch(hub)
    await rig.settle()


class JournalTail:
    """Who has written how many lines since they were last asked about."""

    PATIENCE_S = 3

    def __init__(self, rig: Rig) -> None:
        self._file = rig.journal.open()
        self._file.seek(0, 2)
        self._count: Counter[str] = Counter()
        self._news = asyncio.Event()

    async def follow(self) -> None:
        with self._file:
            while True:
                for line in self._file.readlines():
                    self._count[line.partition('"by":"')[2].partition('"')[0]] += 1
                self._news.set()
                self._news = asyncio.Event()
                await asyncio.sleep(0.002)

    async def wait_for(self, name: str, lines: int) -> None:
        """Until this many more lines are there, or for long enough."""
        until = self._count[name] + lines
        try:
            async with asyncio.timeout(self.PATIENCE_S):
                while self._count[name] < until:
                    await self._news.wait()
        except TimeoutError:
            pass
