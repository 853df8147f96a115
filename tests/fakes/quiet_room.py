"""A hub's premises without a radio: what is in range and how a meeting ends is said by the test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

from drivers.errors import LinkLost
from gateway.clock import read_moment
from gateway.enrolments import Enrolments
from gateway.fleet import Fleet
from gateway.links.radio import Ties
from gateway.links.sightings import Sighting
from gateway.memory import Memory
from gateway.registry import load_drivers
from gateway.requests import DeviceAdd, DeviceConfirm, DeviceJob
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from gateway.visit.desk import Desk
from gateway.visit.jobs import Limits, Premises
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from tests.fakes.told_part import ToldPart
from uplink.standing import Standing

CUFF = "00001810-0000-1000-8000-00805f9b34fb"
METER = "00001808-0000-1000-8000-00805f9b34fb"
QUICK = Limits(0.2, 0.02, 0.2, 0.2, 0.01, 0.2, 30, 0.005)


class QuietCentral:
    """Hears what the test says; a device that is adopted is met at once, as `says` has it."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.seen: list[Sighting] = []
        self.says: dict[str, str] | Exception = {}
        self.adopted: dict[str, Sessions] = {}
        self.forgotten: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, address, name="", services=(CUFF,), ago_s=0.0, is_bonded=False):
        at = read_moment(self.clock)
        at = at._replace(boottime_ms=at.boottime_ms - int(ago_s * 1000))
        ties = Ties(is_bonded, is_bonded, False)
        self.seen.append(Sighting(address, name, -60, tuple(services), (), at, ties))

    async def sightings(self):
        return list(self.seen)

    def adopt(self, sessions):
        self.adopted[sessions.device.address] = sessions
        task = asyncio.create_task(self._meet(sessions))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def release(self, address):
        self.adopted.pop(address, None)

    async def forget(self, address):
        self.forgotten.append(address)

    async def close(self):
        for task in list(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _meet(self, sessions):
        if type(sessions) is Sessions:
            return  # nothing is heard of it until the test says so
        while self.adopted.get(sessions.device.address) is sessions:
            if sessions.claim():
                await sessions.hold(self._connect(sessions))
            sessions.hasten()
            await asyncio.sleep(0)

    @asynccontextmanager
    async def _connect(self, sessions):
        if isinstance(self.says, Exception):
            raise self.says
        sessions.device.has_bond = sessions.device.is_bonded
        said = {"2A29": "A&D Medical", "2A24": "UA-651BLE", "2A25": "51"} | self.says

        async def read(characteristic):
            if said is None:
                raise LinkLost(sessions.device.name)
            return said[characteristic].encode()

        yield SimpleNamespace(
            name="A&D", offers=lambda wanted: bool(said.get(wanted)), read=read, close=lambda: None
        )


class QuietRoom:
    def __init__(self, storage: HubStorage, folder: Path, limits: Limits, settled=()) -> None:
        self.storage = storage
        self.clock = storage.clock
        self.central = QuietCentral(self.clock)
        self.setup = SetupWindow(lambda: 0.0)
        self.setup.open()
        self.standing = Standing(30, lambda: None)
        self.recorder = storage.start_recorder()
        note = storage.steps.note
        self.fleet = Fleet(
            self.central, (), lambda device: Sessions(device, self.recorder, note), None
        )
        self.network = ToldPart("network")
        self.premises = Premises(
            hub="hub-1",
            fleet=self.fleet,
            enrolments=Enrolments(folder / "state", settled),
            memory=Memory(folder / "state"),
            drivers=load_drivers(),
            setup=self.setup,
            clock=self.clock,
            outbox=storage.outbox,
            standing=self.standing,
            network=self.network,
            recorder=self.recorder,
            journal=note,
            limits=limits,
        )
        self.desk = Desk(self.premises)

    @classmethod
    async def open(cls, folder: Path, limits: Limits = QUICK, settled=()) -> QuietRoom:
        return cls(await HubStorage.open(folder, HandClock()), folder, limits, settled)

    async def close(self) -> None:
        await self.desk.close()
        await self.central.close()
        await self.storage.outbox.close()

    async def add(self, **facts) -> dict:
        """Begin to add; the job."""
        return await self.desk.answer(DeviceAdd(**{"consent": "spoken", **facts}), 1000)

    async def until(self, job: dict, *stages: str) -> dict:
        """The job as soon as it is at one of the stages."""
        async with asyncio.timeout(20):
            while True:
                told = await self.desk.answer(DeviceJob(job=job["job"]), 1000)
                if told["stage"] in stages:
                    return told
                await asyncio.sleep(0.001)

    async def confirm(self, job: dict, *, yes: bool) -> None:
        await self.until(job, "confirm")
        await self.desk.answer(DeviceConfirm(job=job["job"], yes=yes), 1000)

    async def enrol(self, address="F0:00:00:00:00:01", **facts) -> dict:
        """A cuff is added without a test reading, as in the depot."""
        if not any(seen.address == address for seen in self.central.seen):
            self.central.show(address, f"A&D_{address[-5:].replace(':', '')}")
        asked = {"address": address, "yes": True, "test": False, **facts}
        return await self.until(await self.add(**asked), "done", "failed")

    def names(self) -> list[str]:
        return [sessions.device.name for sessions in self.fleet.sessions]

    async def records(self, *kinds):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, kinds)]
