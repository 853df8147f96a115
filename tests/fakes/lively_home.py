"""A home whose air is never still, with systemd, in virtual time over a real bus."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from tests.fakes.bluez_home import BluezHome
from tests.fakes.bus_loop import BusLoop
from tests.fakes.systemd1 import FakeSystemd

NEIGHBOUR = "C0:00:00:00:00:01"
HOUR, DAY = 3600, 86_400


def count_descriptors():
    """How many this process has open."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


class LivelyHome(BluezHome):
    """A neighbour's television is heard every minute; systemd restarts bluetoothd."""

    neighbour_s = 60
    listened_s = HOUR + 60

    async def __aenter__(self):
        asyncio.get_running_loop().watch(self.daemon)
        await super().__aenter__()
        self.systemd = FakeSystemd(self.daemon.address, self.bluez)
        await self.systemd.start()
        self.stack.push_async_callback(self.systemd.stop)
        self.television = self.make_cuff(NEIGHBOUR, is_bonded=False)
        self.sessions_ = self.sessions()
        self.central = await self.scan(self.sessions_)
        self.ladder = self.central.ladder
        self._living = asyncio.create_task(self._live())
        self.stack.callback(self._living.cancel)
        await asyncio.sleep(self.listened_s)
        return self

    async def _live(self):
        while True:
            if self.bluez.is_up:
                self.bluez.sight(self.television)
            await asyncio.sleep(self.neighbour_s)

    @property
    def used(self):
        """How often each rung was."""
        return {name: count for name, count in self.ladder.facts()["rungs"].items() if count}

    @property
    def needs_help(self):
        return any(problem.needs_help for problem in self.ladder.problems())

    async def hears_the_cuff(self):
        """Whether a measurement comes through, now."""
        self.sessions_.hasten()
        while not self.sessions_.ended.empty():
            self.sessions_.ended.get_nowait()
        self.bluez.sight(self.cuff)
        return await self.sessions_.outcome() == "ok"

    async def within(self, seconds, is_so):
        """Whether it is so in time."""
        for _ in range(seconds):
            if is_so():
                return True
            await asyncio.sleep(1)
        return False


@pytest.fixture
def play(tmp_path, monkeypatch):
    def play(scenario, **ways):
        home = LivelyHome(tmp_path)
        vars(home).update(ways)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", home.daemon.address)

        async def run():
            # What dbus-fast leaves of a bus that went is found when garbage is collected: that may
            # be within another test, and is not said there.
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            async with home:
                return await scenario(home)

        try:
            with asyncio.Runner(loop_factory=BusLoop) as runner:
                return runner.run(run())
        finally:
            home.daemon.kill()

    return play
