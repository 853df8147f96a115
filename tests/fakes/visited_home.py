"""A home at its set-up visit: cuffs on the air, a hub at a real control socket, no office."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from gateway.control.answers import Answers
from gateway.enrolments import Enrolments
from gateway.fleet import Fleet
from gateway.links.ble import Central
from gateway.links.gatt import Station
from gateway.links.serial import Ports
from gateway.links.serial_link import Bench
from gateway.memory import Memory
from gateway.registry import load_drivers
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from gateway.status import Parts
from gateway.visit.desk import Desk
from gateway.visit.jobs import Limits, Premises
from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.devices.cuff import Cuff
from simulator.frames import Values
from simulator.radio import VirtualRadio
from tests.fakes.control_desk import ControlDesk
from tests.fakes.hub_storage import HubStorage
from tests.fakes.told_part import ToldPart
from uplink.standing import Standing

ADDRESS = "F0:00:00:12:04:12"
SERIAL = "5100000412"
VALUES = Values(systolic=128, diastolic=76, mean=93, pulse=68)
ZONE = ZoneInfo("America/New_York")
LIMITS = Limits(second_s=0.5, settle_s=0.3, office_s=20, step_s=0.05)
DEADLINE_S = 40
SETTINGS = """
[hub]
id = "hub-1"
site_zone = "America/New_York"
[broker]
host = "127.0.0.1"
[control]
socket = "{}"
"""


class VisitedHome:
    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.limits = limits
        self.clock = ScriptClock.create(folder / "clock", quality=4)
        self.air = Air()
        self.setup = SetupWindow()
        self.setup.open()
        self.stack = AsyncExitStack()
        self.standing = Standing(30, lambda: None)
        self.cuffs: list[Cuff] = []

    async def __aenter__(self) -> Self:
        await self.stack.enter_async_context(asyncio.timeout(DEADLINE_S))
        hci = await self.air.open()
        self.stack.callback(self.air.close)
        self.storage = await HubStorage.open(self.folder, self.clock)
        self.stack.push_async_callback(self.storage.outbox.close)
        self.recorder = self.storage.start_recorder()
        radio = VirtualRadio(hci, str(self.folder / "bonds"))
        station = Station(radio, self.clock, ZONE, 5.0, self.setup)
        note = self.storage.steps.note
        self.fleet = Fleet(
            Central(station, ()),
            (),
            lambda device: Sessions(device, self.recorder, note),
            lambda sessions: Ports(Bench(self.clock, ZONE), [sessions]).run(),
        )
        self.start(self.fleet.central.run())
        self.start(self.fleet.run())
        self.network = ToldPart("network")
        self.premises = Premises(
            hub="hub-1",
            fleet=self.fleet,
            enrolments=Enrolments(self.state),
            memory=Memory(self.state),
            drivers=load_drivers(),
            setup=self.setup,
            clock=self.clock,
            outbox=self.storage.outbox,
            standing=self.standing,
            network=self.network,
            recorder=self.recorder,
            journal=note,
            limits=self.limits,
        )
        self.desk = Desk(self.premises)
        self.stack.push_async_callback(self.desk.close)
        self.control = ControlDesk(self.folder, lambda request: self.answers.answer(request, 1000))
        parts = Parts(
            hub="hub-1",
            software="vitalpost 0",
            clock=self.clock,
            outbox=self.storage.outbox,
            standing=self.standing,
            sessions=self.fleet.sessions,
            setup=self.setup,
            counts=self.control.counts,
            send_again=lambda: None,
        )
        self.answers = Answers(parts, self.desk)
        await self.stack.enter_async_context(self.control)
        self.settings = self.folder / "gateway.toml"
        self.settings.write_text(SETTINGS.format(self.control.path))
        await self.fleet.central.settled.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    def start(self, work):
        task = asyncio.create_task(work)
        self.stack.push_async_callback(_end, task)
        return task

    async def bring(self, address: str = ADDRESS, serial: str = SERIAL) -> Cuff:
        """A cuff comes into the home, switched off."""
        cuff = Cuff(
            self.air, self.clock, lambda *_, **__: None, address=address, serial=serial, ppm=0
        )
        cuff.set_clock(self._local_time(), by="home")
        self.cuffs.append(cuff)
        self.start(cuff.run())
        await cuff.powered.wait()
        return cuff

    async def ask(self, do: str, **facts) -> dict:
        """One request over the socket, by a client of its own."""
        client = await self.control.connect()
        try:
            return await client.ask(json.dumps({"do": do, **facts}).encode())
        finally:
            client.leave()

    async def until(self, job: int, *stages: str) -> dict:
        """The job as soon as it is at one of the stages."""
        while True:
            told = await self.ask("device-job", job=job)
            if told["stage"] in stages:
                return told
            await asyncio.sleep(0.02)

    async def add(self, **facts) -> dict:
        """Begin to add; the job."""
        return await self.ask("device-add", **{"consent": "spoken", **facts})

    async def enrolled(self, serial: str = SERIAL) -> None:
        """Wait until this device is served."""
        await self.so(lambda: serial in [each.device.serial for each in self.fleet.sessions])

    async def heard(self) -> None:
        """Wait until a device is in range."""
        while not await self.fleet.central.sightings():  # noqa: ASYNC110  it is asked
            await asyncio.sleep(0.02)

    async def so(self, is_so) -> None:
        """Wait until it is so."""
        while not is_so():  # noqa: ASYNC110  the hub has no event for it
            await asyncio.sleep(0.02)

    async def call(self, *words: str) -> tuple[int, str, str]:
        """A command in a process of its own, without a terminal."""
        command = [sys.executable, "-m", "gateway", *words, "--settings", str(self.settings)]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    async def receipt_all(self, utc_ms: int = 1_790_000_000_000) -> None:
        """The office receipts whatever waits, and goes on to do so."""

        async def receipt() -> None:
            while True:
                for run in (await self.storage.outbox.peek(0, 1000, 1 << 30)).runs:
                    ranges = [(run.first, run.first + len(run.sealed) - 1)]
                    self.standing.receipted(utc_ms)
                    await self.storage.outbox.release({run.kid: ranges}, utc_ms)
                await asyncio.sleep(0.05)

        self.start(receipt())

    async def records(self, *kinds):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, kinds)]

    def _local_time(self):
        return datetime.fromtimestamp(self.clock.utc_ns() / 1e9, ZONE).replace(tzinfo=None)


async def _end(task) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
