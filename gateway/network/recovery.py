"""What has ailed the modem for how long, what the hub has done about it, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog

from gateway.errors import NotAnswered
from gateway.network.health import GONE, NO_MODEMMANAGER, Trouble, judge
from gateway.network.ladder import Ladder, Rung
from gateway.network.picture import Picture
from gateway.reports import Facts, Problem

if TYPE_CHECKING:  # it brings D-Bus
    from gateway.network.managers import Managers

AGAIN_S = 4 * 60 * 60  # a trouble that comes and goes is six lines a day
REFUSED = Problem(
    "the hub may not restart its modem",
    "Copy systemd/49-vitalpost-network.rules to /etc/polkit-1/rules.d/.",
)

log = structlog.get_logger()


class Recovery:
    """Looks after one modem. `is_expected`: one should be there, even if none was seen yet."""

    def __init__(self, hub: str, *, may_act: bool, is_expected: bool) -> None:
        self.ladder = Ladder()
        self.trouble: Trouble | None = None
        self._hub = hub
        self._may_act = may_act
        self._is_expected = is_expected
        self._is_refused = False
        self._since_s = 0.0
        self._told_s: dict[str, float] = {}
        self._told = ""

    def note(self, picture: Picture, now_s: float, *, is_dead: bool) -> None:
        """Judge what was seen."""
        before, self.trouble = self.trouble, self._judge(picture, is_dead=is_dead)
        self._is_expected |= picture.modem is not None
        if self.trouble is None:
            if self._told:
                log.info("modem-well")
            self._told = ""
        elif before is None:
            self._since_s = now_s
        if self.trouble and self._has_lasted(now_s):
            self._tell(self.trouble.name, self.trouble.hint, now_s)

    async def act(self, managers: Managers, picture: Picture, now_s: float, *, flows: bool) -> None:
        """Climb where something is amiss; stand at the foot where data flows."""
        if flows or self.trouble is None:
            self.ladder.rest(now_s)
        elif self.trouble.heals and self._may_act and (rung := self.ladder.climb(now_s)):
            await self._try(rung, managers, picture)

    def facts(self, now_s: float) -> Facts:
        """Where the ladder stands."""
        left_s = self.ladder.left_s(now_s)
        return {
            "trouble": self.trouble.name if self.trouble else None,
            "rung": self.ladder.rung,
            "left_s": None if left_s is None else round(left_s),
            "climbs": dict(self.ladder.climbs),
        }

    def problems(self, now_s: float, *, is_reached: bool) -> Iterator[Problem]:
        """What ails the modem; help is needed only where the hub has no other way out."""
        if self.trouble and self._has_lasted(now_s):
            is_over = self.ladder.is_exhausted or not self.trouble.heals or not self._may_act
            hint = self.trouble.hint.format(hub=self._hub)
            yield Problem(self.trouble.what, hint, needs_help=is_over and not is_reached)
        if self._is_refused:
            yield REFUSED

    def _judge(self, picture: Picture, *, is_dead: bool) -> Trouble | None:
        if picture.modem:
            return judge(picture.modem, picture.networks, is_dead=is_dead)
        if not self._is_expected:
            return None
        return GONE if picture.has_modemmanager else NO_MODEMMANAGER

    def _has_lasted(self, now_s: float) -> bool:
        return self.trouble is not None and now_s - self._since_s >= self.trouble.patience_s

    def _tell(self, name: str, hint: str, now_s: float) -> None:
        if name != self._told and now_s - self._told_s.get(name, -AGAIN_S) >= AGAIN_S:
            log.warning("modem-trouble", what=name, hint=hint.format(hub=self._hub))
            self._told, self._told_s[name] = name, now_s

    async def _try(self, rung: Rung, managers: Managers, picture: Picture) -> None:
        assert self.trouble
        log.warning("modem-recovery", rung=rung, trouble=self.trouble.name)
        try:
            await managers.climb(rung, picture)
        except NotAnswered as error:
            self._is_refused = error.is_denied
            log.warning("modem-recovery-failed", rung=rung, error=error.reason)
        else:
            self._is_refused = False
