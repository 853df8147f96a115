"""The networks of a hub, looked at once a minute: what it says of them, what it does about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import structlog

from gateway.clock import Clock
from gateway.errors import NotAnswered
from gateway.network.dates import Best, Dates
from gateway.network.meter import Meter, Roots
from gateway.network.modem import STRENGTHS, Modem
from gateway.network.picture import Picture
from gateway.network.recovery import Recovery
from gateway.network.usage import Usage
from gateway.reports import Facts, Problem
from gateway.settings import Settings
from gateway.timekeeping.sources import Believe

if TYPE_CHECKING:  # it brings D-Bus
    from gateway.network.managers import Managers

LOOK_S = 60.0
NOT_IN_ORDER = "the networks are not in the order of `network.prefer`"
NOT_ALLOWED = "Copy systemd/49-vitalpost-network.rules to /etc/polkit-1/rules.d/."
NOT_DONE = "NetworkManager does not do it: give its connections `ipv4.route-metric` themselves."

log = structlog.get_logger()


class Network:
    """The reporter "network". `is_reached` says whether the hub has its broker, by whatever way.

    `believe` is told the mobile network's time, and `best` says what time it is then after all.
    `timer`, the loop's where none is given, is for looks and rungs; `clock` for the month alone and
    for who has none: where a script moves it, a modem is not reset the faster.
    """

    name = "network"

    def __init__(  # noqa: PLR0913  what it stands between
        self,
        settings: Settings,
        clock: Clock,
        is_reached: Callable[[], bool],
        *,
        believe: Believe | None = None,
        best: Best = lambda now: now,
        timer: Callable[[], float] | None = None,
        roots: Roots = Roots(),  # noqa: B008  a NamedTuple of constants
    ) -> None:
        self.picture = Picture()
        self._settings = settings.network
        self._dates = Dates(clock, settings.site_zone, believe, best)
        self._is_reached = is_reached
        usage = Usage(Path(settings.hub.state), clock.boot_id())
        self._meter = Meter(usage, self._settings.budget_mb, roots)
        self._recovery = Recovery(
            settings.hub.id,
            may_act=self._settings.recover,
            is_expected="cellular" in self._settings.prefer or self._settings.budget_mb > 0,
        )
        self._managers: Managers | None = None
        self._timer = timer or asyncio.get_running_loop().time
        self._order_hint = ""

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """See how all stands, and act on it."""
        if self._settings.watch and self._managers is None:
            from gateway.network.managers import Managers  # noqa: PLC0415  no D-Bus unwatched

            self._managers = Managers(self._settings.prefer)
        if self._managers:
            self.picture = await self._managers.look()
        now_s = self._now_s()
        await self._meter.look(now_s, self._dates.month(), self.picture.mobile_interfaces)
        if self._managers:
            await self._act(self._managers, now_s)

    async def aclose(self) -> None:
        """Keep the data count and let go of D-Bus."""
        if self._managers:
            self._managers.close()
        await self._meter.save(self._now_s())

    def facts(self) -> Facts:
        """`signal` in a word and `bars` of five, both None without a modem that hears anything."""
        modem = self.picture.modem
        bars = modem.bars if modem else None
        return {
            "signal": None if bars is None else STRENGTHS[bars],
            "bars": bars,
            "modemmanager": self.picture.has_modemmanager,
            "networkmanager": self.picture.networks is not None,
            "modem": _describe(modem) if modem else None,
            "recovery": self._recovery.facts(self._now_s()),
            "prefer": list(self._settings.prefer),
            **self._meter.facts(),
        }

    def problems(self) -> Iterator[Problem]:
        """What is amiss with modem, order or budget."""
        yield from self._recovery.problems(self._now_s(), is_reached=self._is_reached())
        if self._order_hint:
            yield Problem(NOT_IN_ORDER, self._order_hint)
        yield from self._meter.problems()

    async def _act(self, managers: Managers, now_s: float) -> None:
        is_reached = self._is_reached()
        is_dead = not is_reached and self._meter.is_dead(now_s)
        self._recovery.note(self.picture, now_s, is_dead=is_dead)
        flows = is_reached or self._meter.flows
        await self._recovery.act(managers, self.picture, now_s, flows=flows)
        await self._prefer(managers)
        await self._dates.ask(managers, self.picture, now_s)

    async def _prefer(self, managers: Managers) -> None:
        hint = ""
        try:
            await managers.prefer(self.picture)
        except NotAnswered as error:
            hint = NOT_ALLOWED if error.is_denied else NOT_DONE
            if hint != self._order_hint:
                log.warning("network-order-refused", error=error.reason, hint=hint)
        self._order_hint = hint

    def _now_s(self) -> float:
        return self._timer()


def _describe(modem: Modem) -> Facts:
    return {
        "state": modem.state.name.lower(),
        "sim": modem.sim.value,
        "registration": modem.registration.value,
        "operator": modem.operator or None,
        "technology": modem.technology or None,
    }
