"""90 days of one home under mixed faults, in virtual time; a seed is one quarter, and repeats.

What other scenarios live through in virtual time differs in what breaks, and in what is driven.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import structlog
from sqlalchemy import insert

from backend import tables
from backend.enrolment.enroll import Monitoring, enter_monitoring
from backend.intake.messages import Intake
from backend.ledger import Ledger
from backend.patients.days import load_calendar
from backend.proving.verify import Verifier
from backend.reading_names import ReadingNames
from drivers.spi import Driver
from simulator import history, journals
from simulator.history import Step, Verdict
from tests.faults.cord import AcknowledgingCuff
from tests.faults.lives import HUB, House, Life
from tests.faults.loop import VirtualLoop
from tests.faults.net import Net
from tests.faults.run import Result, Run, conclude
from tests.faults.world import CUFF, STARTS, ZONE, HubClock, Identity, now_s
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
    devices: ClassVar[Mapping[Identity, Driver]] = {CUFF: AcknowledgingCuff()}
    kinds: ClassVar[Collection[str]] = ()
    """Of faults, each of which must befall one of the seeds of the long form."""

    life: Any
    house: Any

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = Random(seed)
        self.steps: list[Step] = []
        self.opening_key, self.receipt_key = OpeningKey.generate(X25519), Signer.generate()
        self.ledger = Ledger(
            folder / "ledger.db", ReadingNames(lambda: [self.opening_key]), create=True
        )
        self.signer = self._make_signer(folder)
        self._enroll()
        intake = Intake(
            self.ledger,
            {self.opening_key.public().id: self.opening_key},
            self.receipt_key,
            "vitalpost",
            lambda: int(now_s() * 1000),
        )
        self.net = Net(self.dice, intake, self.steps.append)
        self.injected = Counter[str]()
        self._furnish(folder)

    async def pass_by(self) -> None:
        """Live through it, heal, and wait until the office has everything."""
        tasks = [asyncio.create_task(each) for each in (*self._troubles(), self._measure())]
        await asyncio.wait(tasks, timeout=self.days * DAY_S, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if ended is not None and not isinstance(ended, asyncio.CancelledError):
                raise ended
        await self.life.kill()
        self.net.is_up, self.net.is_refusing = True, False
        self.net.open_office()
        self.house.clock.synchronise()
        self._begin_life(None)
        await self.life.start()
        for _ in range(24 * HEALING_DAYS):
            await asyncio.sleep(3600)
            if self._is_empty() and not history.find_undelivered(self.steps, {HUB}):
                self.steps.append(Step(HUB, "drained"))
                break
        await self._conclude()
        await self.life.stop()

    def judge(self) -> Verdict:
        """The history model, then what the ledger says of itself."""
        drivers = {driver.info.id: driver for driver in self.devices.values()}
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
            self._begin_life(mortal)
            await self.life.start()
            until_s = dice.expovariate(1 / (2 * DAY_S))
            with suppress(TimeoutError):
                async with asyncio.timeout(until_s):
                    await asyncio.shield(self.life.died)
            if dice.random() < 0.3:
                await self.life.stop()
                self.injected["hub stopped"] += 1
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

    def _make_signer(self, _folder: Path) -> Signer:
        return Signer.generate()

    def _furnish(self, folder: Path) -> None:
        """Make what outlives a process."""
        keys = (self.signer, self.opening_key.public(), self.receipt_key.public())
        self.house = House(
            folder, self.dice, self.steps.append, self.net, keys, clock=self._make_clock()
        )

    def _begin_life(self, mortal: int | None) -> None:
        self.life = Life(self.house, mortal)

    def _troubles(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield from (self._live(), self._break_net(), self._break_office(), self._break_clock())

    def _is_empty(self) -> bool:
        """Whether the hub has all that the devices had."""
        return not self.house.cuff.memory

    async def _conclude(self) -> None:
        """Have a last look at the hub that lives."""

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
        for at_s in habits(dice, self.days):
            await asyncio.sleep(max(0, at_s - loop.time()))
            self.house.cuff.measure()

    def _enroll(self) -> None:
        since = STARTS.date() - timedelta(days=1)
        row = {"id": HUB, "sign_key": self.signer.public(), "certificate": "", "enrolled_ms": 0}
        with self.ledger.writing() as connection:
            connection.execute(insert(tables.hub).values(row))
            for identity in self.devices:
                begun = Monitoring(PATIENT, ZONE.key, identity, None, since)
                enter_monitoring(connection, begun, int(STARTS.timestamp() * 1000))


def habits(dice: Random, days: int) -> Iterator[float]:
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
    bad = [
        f"seed {seed}: {result.violation}"
        for seed, result in zip(seeds, results, strict=True)
        if result.violation
    ]
    if not run.is_quick:
        bad += [f"{name} never happened" for name in kind.kinds if not total.faults[name]]
    steps = sum(int(result.note) for result in results)
    note = f"{len(results)} x {kind.days} days, {steps} steps, no more than {total.slowest_s:.0f} s"
    for name in kind.kinds:
        note += f"\n{'':<20}{total.faults[name]:>7} {name}"
    return replace(total, note=note, violation=next(iter(bad), None))


def live_through(seed: int, folder: Path, kind: type[Quarter] = Quarter) -> Result:
    """One quarter; its note is the number of its steps."""
    keep_silent()
    folder.mkdir(mode=0o700)
    began = time.process_time()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        quarter = runner.run(_play(seed, folder, kind))
    verdict = quarter.judge()
    shutil.rmtree(folder)
    faults = quarter.injected + quarter.net.fates
    faults["hub killed"] = quarter.house.kills
    told = conclude(verdict, faults.total(), str(verdict.counts["steps"]))
    return replace(told, faults=faults, slowest_s=time.process_time() - began)


async def _play(seed: int, folder: Path, kind: type[Quarter]) -> Quarter:
    quarter = kind(seed, folder)
    await quarter.pass_by()
    return quarter


def keep_silent() -> None:
    """Log nothing in this process."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent
