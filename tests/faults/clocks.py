"""Weeks of one home whose hub has no clock of its own, in virtual time: what shows is never true.

Each boot begins in 1970, in the past or in 2060; synchronisation comes late and goes for weeks;
while it is gone the clock is stepped by ten years either way. The kernel calls a clock that was
stepped unsynchronised. Beside it a modem tells the time within its minutes, or none at all.
"""

from __future__ import annotations

import asyncio
from random import Random

from gateway.clock import read_moment
from gateway.timekeeping.sources import MODEM
from tests.faults.quarter import DAY_S, Quarter, live_all
from tests.faults.run import Result, Run
from tests.faults.world import HubClock, now_s

YEAR_S = 365.25 * DAY_S
MODEM_OFF_S = 200.0
CRYSTAL_PPM = 50.0


class WildClock(HubClock):
    """Drifts as a Pi's crystal does, and so does BOOTTIME."""

    def __init__(self, dice: Random) -> None:
        self._rate = 1 + dice.uniform(-CRYSTAL_PPM, CRYSTAL_PPM) / 1e6
        self._set_at_s = now_s()
        super().__init__(dice)

    def boot(self) -> None:
        super().boot()
        shows = self._dice.choice((60.0, now_s() - self._dice.uniform(60, 9e6), 90.5 * YEAR_S))
        self.show(shows)

    def synchronise(self) -> None:
        super().synchronise()
        self._set_at_s = now_s()

    def show(self, utc_s: float) -> None:
        """Somebody sets it, which ends its synchronisation."""
        self._error_s = max(0.0, utc_s) - now_s()
        self._set_at_s = now_s()
        self.lose()

    def boottime_ns(self) -> int:
        return int((now_s() - self._booted_s) * self._rate * 1e9)

    def utc_ns(self) -> int:
        # A synchronised clock is kept right by whoever synchronises it.
        passed_s = 0.0 if self._quality else now_s() - self._set_at_s
        return int((now_s() + self._error_s + passed_s * (self._rate - 1)) * 1e9)


class Clocks(Quarter):
    """One seed. Before an office is first reached in a boot, the modem's is the only word."""

    days = 45

    def _make_clock(self) -> HubClock:
        return WildClock(self.dice)

    async def _break_clock(self) -> None:
        dice, clock = self.dice, self.house.clock
        assert isinstance(clock, WildClock)
        while True:
            await asyncio.sleep(dice.expovariate(1 / (0.4 * DAY_S)))
            what = dice.choice(("lost", "step", "step", "modem", "modem", "absurd", "sync"))
            self.injected[f"clock {what}"] += 1
            if what == "lost":
                clock.lose()
                await asyncio.sleep(dice.expovariate(1 / (8 * DAY_S)))
            elif what == "step" and not clock.quality():
                clock.show(clock.utc_ns() / 1e9 + dice.choice((-10, 10)) * YEAR_S)
            elif what == "sync" and self.net.is_up:
                clock.synchronise()
            elif what in ("modem", "absurd"):
                self._tell(2e8 if what == "absurd" else now_s())

    def _tell(self, utc_s: float) -> None:
        said_s = utc_s + self.dice.uniform(-MODEM_OFF_S, MODEM_OFF_S)
        at_ms = read_moment(self.life.keeper).boottime_ms
        self.life.keeper.believe(int(said_s * 1000), at_ms, 60_000, MODEM)


async def clocks(run: Run) -> Result:
    """2 or 100 seeds from the run's own up; the first violation names its seed."""
    return await live_all(run, Clocks)
