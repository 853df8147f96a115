"""The lives of a hub's whole process on a virtual loop: what `vitalpost run` composes.

Its signals, its control socket, its files and its threads' work are real; the machine's clock, the
air and the way to the broker are the scenario's.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from gateway import app, room, telling, upkeep
from gateway.network import watch
from gateway.network.meter import Roots
from gateway.settings import Settings
from gateway.timekeeping import keeper
from simulator.history import Step
from tests.faults.air import PRESENT, Air, AirRadio
from tests.faults.lives import HUB, Killed
from tests.faults.net import Net
from tests.faults.world import HubClock, Note
from uplink.journal import Step as Told

STOP_S = 90.0  # then systemd kills
LOOK_S = 300.0


def look_less_often() -> None:
    """In this process, which is a home's own: 30 days have 43,200 minutes, and a run 100 homes."""
    for module in (room, telling, keeper, watch):
        module.LOOK_S = LOOK_S
    upkeep.UPKEEP_S = LOOK_S


@dataclass
class WholeHouse:
    """What outlives a process, and what befell it."""

    settings: Settings
    dice: Random
    note: Note
    net: Net
    clock: HubClock
    air: Air
    is_card_bad: bool = False
    kills: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def state(self) -> Path:
        """The folder on flash."""
        return Path(self.settings.hub.state)


class WholeLife:
    """One process. `mortal` steps after its start it is killed; None lets it live."""

    def __init__(self, house: WholeHouse, mortal: int | None) -> None:
        look_less_often()
        self.is_dead = False
        self.died = asyncio.get_running_loop().create_future()
        self._house = house
        self._mortal = mortal
        self._radio = AirRadio(house.air)
        self._image: dict[Path, bytes] = {}

    async def start(self) -> None:
        """As systemd does."""
        context = copy_context()
        context.run(PRESENT.set, self._radio)
        house = self._house
        work = app.run(
            house.settings,
            journal=self._journal,
            machine=house.clock,
            roots=Roots(house.state / "no-sys", house.state / "no-proc"),
            connect=house.net.connect,
        )
        self._task = asyncio.get_running_loop().create_task(work, context=context)
        self._task.add_done_callback(self._note_end)
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """As systemd does, by SIGTERM."""
        if not self._task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait([self._task], timeout=STOP_S)
        if not self._task.done():
            self._house.ends["did not stop"] += 1
        await self.kill()

    async def kill(self) -> None:
        """As `kill -9` does, now."""
        if not self.is_dead:
            self._die()
        self._task.cancel()
        await asyncio.wait([self._task])
        with suppress(asyncio.CancelledError):
            self._task.exception()
        if self._image:
            self._restore()

    async def ask(self, do: str) -> dict[str, Any]:
        """What it answers at its socket; nothing where nobody listens."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._house.settings.control.socket)
        except OSError:
            return {}
        writer.write(json.dumps({"do": do}).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        return dict(json.loads(line)) if line else {}

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
        """Nothing that this life does from here on reaches flash, network or air."""
        files = (path for path in self._house.state.rglob("*") if path.is_file())
        self._image = {path: path.read_bytes() for path in files}
        self._house.kills += 1
        self._vanish()

    def _vanish(self) -> None:
        house = self._house
        self.is_dead = self._radio.is_dead = True
        house.net.hang_up()
        house.air.forsake(self._radio)
        house.note(Step(HUB, "killed"))
        if not self.died.done():
            self.died.set_result(None)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if self.is_dead:
            return
        if not task.cancelled() and (error := task.exception()):
            why = _find_first(error)
            what = "card failed" if self._house.is_card_bad else f"{type(why).__name__}: {why}"
            self._house.ends[what] += 1
        self._vanish()

    def _restore(self) -> None:
        """Undo what a killed process cannot have done: it has tidied up meanwhile."""
        with unlimited():
            for path in self._house.state.rglob("*"):
                if path.is_file():
                    path.unlink()
            for path, image in self._image.items():
                path.write_bytes(image)
        self._image = {}


def break_card() -> None:
    """From here on the kernel refuses each write to a file of this process, with EFBIG."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))


def mend_card() -> None:
    """Writes go through again."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def unlimited() -> Iterator[None]:
    """Writes go through meanwhile."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    mend_card()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _find_first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
