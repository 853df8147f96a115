"""What the interfaces carry: the month's data against its budget, and whether the modem's flow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from gateway.network.routes import PROC, read_route
from gateway.network.traffic import CELLULAR, SYS, read_counters
from gateway.network.usage import Usage
from gateway.reports import Facts, Problem

DEAD_S = 20 * 60  # the hub tries to reach its broker at least every 15 min
NEARLY = 0.8
MB = 1_000_000
ADDRESS = re.compile("x[0-9a-f]{12}$")  # systemd.net-naming-scheme(7): enx and the MAC address
SPARE_HINT = "Readings are sent all the same. Find out what else uses it, or order more."
UNSAVED_HINT = "Is the disk full or damaged? The count goes on in memory."

log = structlog.get_logger()


class Roots(NamedTuple):
    """Where the kernel tells of networks."""

    sys: Path = SYS
    proc: Path = PROC


class Meter:
    """Counts by the kernel's counters; D-Bus has no part in it."""

    def __init__(self, usage: Usage, budget_mb: int, roots: Roots = Roots()) -> None:  # noqa: B008  a NamedTuple of constants
        self.usage = usage
        self.route = ""
        self.flows = False
        self._budget_mb = budget_mb
        self._roots = roots
        self._received, self._sent = 0, 0
        self._is_asking = False
        self._heard_s: float | None = None
        self._told: tuple[str, str] | None = None

    async def look(self, now_s: float, month: str, mobile: frozenset[str]) -> None:
        """Count what came and went since the last look, and keep it where that is due."""
        counters = read_counters(self._roots.sys)
        for name in mobile & counters.keys():
            counters[name] = counters[name]._replace(kind=CELLULAR)
        out = counters.get(read_route(self._roots.proc))
        self.route = out.kind if out else ""
        modem = [counter for counter in counters.values() if counter.kind == CELLULAR]
        received = sum(counter.received for counter in modem)
        sent = sum(counter.sent for counter in modem)
        # It falls where the interface has gone, as in a reset: nothing flows then.
        self.flows = self._heard_s is not None and received > self._received
        self._received = received
        if self.flows or self._heard_s is None:
            self._heard_s, self._sent = now_s, sent
        self._is_asking = sent != self._sent
        self.usage.count(counters, month)
        if self.usage.is_due(now_s):
            await self.save(now_s)
        self._tell_budget()

    def is_dead(self, now_s: float) -> bool:
        """Whether the modem has sent and sent, and nothing has come back for 20 min."""
        silent_s = now_s - self._heard_s if self._heard_s is not None else 0
        return silent_s >= DEAD_S and self._is_asking

    async def save(self, now_s: float) -> None:
        """Put the count on flash, if it has changed."""
        try:
            await asyncio.to_thread(self.usage.save, now_s)
        except OSError as error:
            log.warning("data-count-not-kept", error=type(error).__name__, hint=UNSAVED_HINT)

    def facts(self) -> Facts:
        """By interface, with the sum of the modem's; bytes, and megabytes of a million bytes."""
        carried: dict[str, dict[str, str | int]] = {}
        for name, each in self.usage.carried.items():
            told = carried.setdefault(ADDRESS.sub("x", name), {"kind": each.kind})
            told["received"] = int(told.get("received", 0)) + each.received
            told["sent"] = int(told.get("sent", 0)) + each.sent
        return {
            "route": self.route or None,
            "month": self.usage.month or None,
            "carried": carried,
            "mobile_mb": round(self.usage.total(CELLULAR) / MB, 1),
            "budget_mb": self._budget_mb or None,
            "writes": self.usage.writes,
        }

    def problems(self) -> Iterator[Problem]:
        """Of the budget."""
        if share := self._share():
            of = f"of {self._budget_mb} MB"
            used = f"{round(self.usage.total(CELLULAR) / MB)} {of} of mobile data are used"
            yield (
                Problem(f"{used} this month", SPARE_HINT)
                if share == "nearly"
                else Problem(f"the mobile data of this month are used up: {used}", SPARE_HINT)
            )

    def _share(self) -> str:
        used = self.usage.total(CELLULAR)
        if not self._budget_mb or used < NEARLY * self._budget_mb * MB:
            return ""
        return "all" if used >= self._budget_mb * MB else "nearly"

    def _tell_budget(self) -> None:
        share = self._share()
        if share and self._told != (self.usage.month, share):
            self._told = (self.usage.month, share)
            log.warning("data-budget", used=share, budget_mb=self._budget_mb, hint=SPARE_HINT)
