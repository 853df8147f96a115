"""The lives of one hub's process on a virtual loop: the real daemon, without radio and socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import ClassVar

from drivers.errors import LinkLost
from drivers.spi import Frame
from gateway.clock import read_moment
from gateway.devices import Device
from gateway.link import Exchange
from gateway.recorder import Recorder
from gateway.sessions import Sessions
from gateway.timekeeping.floor import Floor
from gateway.timekeeping.keeper import Timekeeper
from simulator.frames import pack_time, unpack_time
from simulator.history import Step
from tests.faults.cord import ACKNOWLEDGE, CLOCK, MEASUREMENT, AcknowledgingCuff
from tests.faults.net import Net
from tests.faults.world import CUFF, STARTS, ZONE, Cuff, HubClock, Note
from uplink.forwarder import Forwarder
from uplink.journal import Step as Told
from uplink.keys import SealingKey, Signer
from uplink.mqtt import Broker
from uplink.offers import Pace
from uplink.outbox import Outbox
from uplink.route import Route
from uplink.salvage import FILES, beside
from uplink.seal import open_epoch, sign_statement
from uplink.witness import Witness

HUB = "hub-1"
UPKEEP_S = 900.0
ON_AIR_S = 60.0
OPERATION_S = (0.02, 0.4)


class Killed(BaseException):
    """The process has ended where it stood."""


class House:
    """What outlives a process: its flash, its clock, its keys and its cuff."""

    def __init__(
        self,
        folder: Path,
        dice: Random,
        note: Note,
        net: Net,
        keys: tuple[Signer, SealingKey, bytes],
        *,
        clock: HubClock,
    ) -> None:
        self.outbox = folder / "outbox.db"
        self.dice = dice
        self.note = note
        self.net = net
        self.clock = clock
        self.cuff = Cuff(dice, note)
        self.signer, self.sealing_key, self.receipt_key = keys
        self.kills = 0


class Life:
    """One process. `mortal` steps after its start it is killed; None lets it live."""

    def __init__(self, house: House, mortal: int | None) -> None:
        self.is_dead = False
        self.died = asyncio.get_running_loop().create_future()
        self._house = house
        self._mortal = mortal

    async def start(self) -> None:
        """As `gateway.app.run` does."""
        house = self._house
        self._outbox = await Outbox.open(
            house.outbox,
            quota_bytes=8 << 20,
            journal=self._journal,
            now=asyncio.get_running_loop().time,
        )
        broker = Broker("broker", 8883, HUB, None)
        sign = partial(sign_statement, signer=house.signer)
        witness = Witness(HUB, sign, lambda: read_moment(house.clock).utc_ms)
        floor = Floor(house.outbox.parent, STARTS)
        self.keeper = Timekeeper(house.clock, house.clock, floor, lambda: 0)
        self._forwarder = Forwarder(
            self._outbox,
            Route(broker, [house.receipt_key], software="vitalpost"),
            witness,
            journal=self._journal,
            pace=Pace(draw=house.dice.uniform),
            now=asyncio.get_running_loop().time,
            connect=house.net.connect,
            on_receipt=self.keeper.receipted,
        )
        self._recorder = Recorder(
            self._outbox,
            self.keeper,
            partial(open_epoch, HUB, house.signer, house.sealing_key),
            witness,
            software="vitalpost",
            journal=self.keeper.follow(self._journal),
            on_commit=self._forwarder.new_rows,
            best=self.keeper.best,
        )
        device = Device("cuff", "", CUFF, AcknowledgingCuff(), is_bonded=False)
        self._sessions = Sessions(device, self._recorder, self._journal)
        work = (self._forwarder.run(), self._keep_up(), self._serve(), self.keeper.run())
        self._tasks = [asyncio.create_task(each) for each in work]

    async def stop(self) -> None:
        """As SIGTERM does."""
        await self._end_tasks()
        if not self.is_dead:
            with suppress(Killed):
                await self._recorder.close()
        if not self.is_dead:
            await self._outbox.close()
            self.is_dead = True

    async def kill(self) -> None:
        """As `kill -9` does, now."""
        if not self.is_dead:
            self._die()
        await self._end_tasks()

    def _journal(self, told: Told) -> None:
        house = self._house
        if self.is_dead:
            raise Killed
        if self._mortal is not None:
            self._mortal -= 1
        is_last = self._mortal is not None and self._mortal <= 0
        if not is_last or house.dice.random() < 0.5:
            records = {kid.hex(): list(ranges) for kid, ranges in told.records.items()}
            house.note(Step(HUB, told.did, records))
        if is_last:
            self._die()
            raise Killed

    def _die(self) -> None:
        """Nothing that this life does from here on reaches flash, network or cuff."""
        self.is_dead = True
        house = self._house
        files = [beside(house.outbox, ending) for ending in FILES]
        images = {path: path.read_bytes() for path in files if path.exists()}
        self._outbox._store.close(is_sound=False)  # it tidies up, which no killed process does
        os.close(self._outbox._folder)
        for path in files:
            path.unlink(missing_ok=True)
        for path, image in images.items():
            path.write_bytes(image)
        house.net.hang_up()
        house.kills += 1
        house.note(Step(HUB, "killed"))
        self.died.set_result(None)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_up(self) -> None:
        while True:
            await self._recorder.anchor()
            await asyncio.sleep(UPKEEP_S)

    async def _serve(self) -> None:
        """A session whenever the cuff is on the air with something."""
        while True:
            await self._house.cuff.has_some.wait()
            await asyncio.sleep(self._house.dice.uniform(5, ON_AIR_S))
            if self._sessions.claim():
                await self._sessions.hold(self._visit())

    @asynccontextmanager
    async def _visit(self) -> AsyncIterator[VirtualLink]:
        yield VirtualLink(self, self._house)


class VirtualLink:
    """A connection to the cuff, which may break at each of its operations."""

    name: ClassVar[str] = "Cord"
    security: ClassVar[int] = 0

    def __init__(self, life: Life, house: House) -> None:
        self._life = life
        self._house = house
        self._exchanges: dict[str, Exchange] = {}
        self._is_closed = False

    def exchange(self, source: str) -> Exchange:
        return self._exchanges.get(source) or next(reversed(self._exchanges.values()))

    def heard_ms(self, characteristic: str) -> int:
        return self.exchange(characteristic).answered.boottime_ms

    def close(self) -> None:
        self._is_closed = True

    def offers(self, characteristic: str) -> bool:
        return characteristic in (MEASUREMENT, CLOCK, ACKNOWLEDGE)

    async def read(self, characteristic: str) -> bytes:
        shown = pack_time(self._house.cuff.clock())
        await self._operate(characteristic)
        return shown

    async def write(self, characteristic: str, value: bytes) -> None:
        await self._operate(characteristic)
        if characteristic == CLOCK:
            self._house.cuff.set_clock(unpack_time(value))
        else:
            self._house.cuff.confirm(value)

    async def subscribe(self, *_characteristics: str) -> AsyncIterator[Frame]:
        while self._house.cuff.memory:
            data = self._house.cuff.memory[0]
            await self._operate(MEASUREMENT)
            yield Frame(MEASUREMENT, data)

    def local_time(self) -> datetime | None:
        clock = self._house.clock
        if not clock.quality():
            return None
        return datetime.fromtimestamp(clock.utc_ns() / 1e9, ZONE).replace(tzinfo=None)

    async def _operate(self, characteristic: str) -> None:
        asked = read_moment(self._house.clock)
        await asyncio.sleep(self._house.dice.uniform(*OPERATION_S))
        if self._life.is_dead or self._is_closed:
            raise LinkLost("cuff")
        if self._house.net.happens("radio link lost", 0.02):
            raise LinkLost("cuff")
        self._exchanges.pop(characteristic, None)
        self._exchanges[characteristic] = Exchange(asked, read_moment(self._house.clock))
