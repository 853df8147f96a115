"""90 days of one home under mixed faults, in virtual time; a seed is one quarter, and repeats."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import structlog
from sqlalchemy import insert

from backend import tables
from backend.days import load_calendar
from backend.enroll import Monitoring, enter_monitoring
from backend.intake import Intake
from backend.ledger import Ledger
from backend.verify import Verifier
from simulator import history, journals
from simulator.history import Step, Verdict
from tests.faults.cord import AcknowledgingCuff
from tests.faults.lives import HUB, House, Life
from tests.faults.loop import VirtualLoop
from tests.faults.net import Net
from tests.faults.run import Result, Run, conclude
from tests.faults.world import CUFF, STARTS, ZONE, HubClock, now_s
from uplink.keys import X25519, OpeningKey, Signer

DAY_S = 86_400.0
DAYS = 90
HEALING_DAYS = 6
CORES = os.cpu_count() or 1
PATIENT = "patient-1"
_MEMORY = Path("/dev/shm")  # nothing here is about flushing to a disk
FILES_IN_MEMORY = _MEMORY if _MEMORY.is_dir() else None
HABITS = ((8.2, 0.9, 0.4), (20.7, 0.7, 0.6), (23.98, 0.1, 0.03))  # hour, how often, spread in hours


class Quarter:
    """One seed."""

    days = DAYS

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = Random(seed)
        self.steps: list[Step] = []
        self.opening_key, receipt_key = OpeningKey.generate(X25519), Signer.generate()
        self.ledger = Ledger(folder / "ledger.db", create=True)
        self.signer = Signer.generate()
        self._enroll()
        intake = Intake(
            self.ledger,
            {self.opening_key.public().id: self.opening_key},
            receipt_key,
            "vitalpost",
            lambda: int(now_s() * 1000),
        )
        self.net = Net(self.dice, intake, self.steps.append)
        keys = (self.signer, self.opening_key.public(), receipt_key.public())
        clock = self._make_clock()
        self.house = House(folder, self.dice, self.steps.append, self.net, keys, clock=clock)
        self.injected = Counter[str]()

    async def pass_by(self) -> None:
        """Live through it, heal, and wait until the office has everything."""
        troubles = (self._live(), self._break_net(), self._break_office(), self._break_clock())
        tasks = [asyncio.create_task(each) for each in (*troubles, self._measure())]
        await asyncio.sleep(self.days * DAY_S)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if ended is not None and not isinstance(ended, asyncio.CancelledError):
                raise ended
        await self.life.kill()
        self.net.is_up, self.net.is_refusing = True, False
        self.net.open_office()
        self.house.clock.synchronise()
        self.life = Life(self.house, None)
        await self.life.start()
        for _ in range(24 * HEALING_DAYS):
            await asyncio.sleep(3600)
            if not self.house.cuff.memory and not history.find_undelivered(self.steps, {HUB}):
                self.steps.append(Step(HUB, "drained"))
                break
        await self.life.stop()

    def judge(self) -> Verdict:
        """The history model, then what the ledger says of itself."""
        drivers = {AcknowledgingCuff.info.id: AcknowledgingCuff()}
        keys = {self.opening_key.public().id: self.opening_key}
        with self.ledger.reading() as connection:
            found = Verifier(connection, keys, drivers).verify()
            calendar = load_calendar(connection, PATIENT, None)
        self.ledger.close()
        verified = {
            "stored": {kid.hex(): ranges for kid, ranges in found.stored.items()},
            "reading_ids": [name.hex() for name in found.reading_ids],
        }
        days = {
            "days": [
                {"date": str(day.date), "reading_ids": [name.hex() for name in day.reading_ids]}
                for day in calendar.days
            ],
            "held": [{"reading": one.reading.hex()} for one in calendar.held],
        }
        verdict = history.judge((*self.steps, *journals.ask_ledger(verified, days)), {HUB})
        is_drained = Step(HUB, "drained") in self.steps
        late = None if is_drained else f"not everything arrived within {HEALING_DAYS} quiet days"
        problem = verdict.violation or late or next(iter(found.problems), None)
        return verdict._replace(violation=problem)

    async def _live(self) -> None:
        """One process after another; each dies at some step, at some hour, or stops in order."""
        dice = self.dice
        while True:
            mortal = dice.randint(1, 60) if dice.random() < 0.6 else None
            self.life = Life(self.house, mortal)
            await self.life.start()
            until_s = dice.expovariate(1 / (2 * DAY_S))
            with suppress(TimeoutError):
                async with asyncio.timeout(until_s):
                    await asyncio.shield(self.life.died)
            if dice.random() < 0.3:
                await self.life.stop()
            else:
                await self.life.kill()
            if dice.random() < 0.3:
                await asyncio.sleep(dice.expovariate(1 / (5 * 3600)))
                self.house.clock.boot()
                self.injected["hub rebooted"] += 1
            await asyncio.sleep(dice.uniform(0.5, 3))

    async def _break_net(self) -> None:
        dice, net = self.dice, self.net
        while True:
            await asyncio.sleep(dice.expovariate(1 / (4 * DAY_S)))
            kind = dice.choice(("away", "away", "restarted", "refusing"))
            self.injected[f"broker {kind}"] += 1
            if kind == "restarted":
                net.empty()
                continue
            net.is_refusing = kind == "refusing"
            if kind == "away":
                net.cut()
            await asyncio.sleep(dice.expovariate(1 / (0.8 * DAY_S)))
            net.is_up, net.is_refusing = True, False

    async def _break_office(self) -> None:
        dice, net = self.dice, self.net
        while True:
            await asyncio.sleep(dice.expovariate(1 / (5 * DAY_S)))
            net.is_office_up = False
            self.injected["office away"] += 1
            await asyncio.sleep(dice.expovariate(1 / (0.6 * DAY_S)))
            net.open_office()

    def _make_clock(self) -> HubClock:
        return HubClock(self.dice)

    async def _break_clock(self) -> None:
        dice, clock, net = self.dice, self.house.clock, self.net
        while True:
            await asyncio.sleep(dice.expovariate(1 / 1800))
            if net.is_up and not clock.quality():
                clock.synchronise()
                self.injected["clock stepped"] += 1
            elif dice.random() < 0.002:
                clock.lose()

    async def _measure(self) -> None:
        dice, loop = self.dice, asyncio.get_running_loop()
        for at_s in _habits(dice, self.days):
            await asyncio.sleep(max(0, at_s - loop.time()))
            self.house.cuff.measure()

    def _enroll(self) -> None:
        begun = Monitoring(PATIENT, ZONE.key, CUFF, None, date(2026, 1, 31))
        row = {"id": HUB, "sign_key": self.signer.public(), "certificate": "", "enrolled_ms": 0}
        with self.ledger.writing() as connection:
            connection.execute(insert(tables.hub).values(row))
            enter_monitoring(connection, begun, int(STARTS.timestamp() * 1000))


def _habits(dice: Random, days: int) -> Iterator[float]:
    for day in range(days):
        for hour, often, spread in HABITS:
            if dice.random() < often:
                yield (day * 24 + hour + dice.uniform(-spread, spread)) * 3600


async def quarters(run: Run) -> Result:
    """2 or 100 seeds from the run's own up; the first violation names its seed."""
    return await live_all(run, Quarter)


async def live_all(run: Run, kind: type[Quarter]) -> Result:
    """So many seeds of a kind."""
    seeds = range(run.seed, run.seed + run.either(2, 100))
    place = run.folder if FILES_IN_MEMORY is None else FILES_IN_MEMORY
    with (
        tempfile.TemporaryDirectory(prefix="vitalpost-faults-", dir=place) as folder,
        ProcessPoolExecutor(CORES, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        loop = asyncio.get_running_loop()
        folders = [Path(folder) / str(seed) for seed in seeds]
        results = await asyncio.gather(
            *(
                loop.run_in_executor(pool, live_through, seed, folder, kind)
                for seed, folder in zip(seeds, folders, strict=True)
            )
        )
    total = sum(results, Result())
    bad = (
        f"seed {seed}: {result.violation}"
        for seed, result in zip(seeds, results, strict=True)
        if result.violation
    )
    steps = sum(int(result.note) for result in results)
    note = f"{len(results)} x {kind.days} days, {steps} steps"
    return replace(total, note=note, violation=next(bad, None))


def live_through(seed: int, folder: Path, kind: type[Quarter] = Quarter) -> Result:
    """One quarter; its note is the number of its steps."""
    keep_silent()
    folder.mkdir()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        quarter = runner.run(_play(seed, folder, kind))
    verdict = quarter.judge()
    shutil.rmtree(folder)
    injected = quarter.injected.total() + quarter.net.fates.total() + quarter.house.kills
    return conclude(verdict, injected, str(verdict.counts["steps"]))


async def _play(seed: int, folder: Path, kind: type[Quarter]) -> Quarter:
    quarter = kind(seed, folder)
    await quarter.pass_by()
    return quarter


def keep_silent() -> None:
    """Log nothing in this process."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
