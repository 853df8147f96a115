"""Which month it is for the data count, and when the mobile network is asked for the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import structlog

from gateway.clock import Clock, Moment, read_moment
from gateway.errors import NotAnswered
from gateway.network.picture import Picture
from gateway.timekeeping.sources import Believe

if TYPE_CHECKING:  # it brings D-Bus
    from gateway.network.managers import Managers

GOOD_QUALITY = range(1, 18)  # better than the two minutes of the mobile network's time
AGAIN_S = 60 * 60

Best = Callable[[Moment], Moment]

log = structlog.get_logger()


class Dates:
    """`believe` is told the mobile network's time; `best` says what time it is then after all."""

    def __init__(self, clock: Clock, zone: tzinfo, believe: Believe | None, best: Best) -> None:
        self._clock = clock
        self._zone = zone
        self._believe = believe
        self._best = best
        self._told_s: float | None = None

    def month(self) -> str:
        """Such as 2026-11, in the home's zone; "" while the hub does not know."""
        now = self._best(read_moment(self._clock))
        try:
            local = datetime.fromtimestamp(now.utc_ms / 1000, self._zone)
        except (ValueError, OverflowError, OSError):  # a clock far out of this era
            return ""
        return f"{local:%Y-%m}" if now.quality else ""

    async def ask(self, managers: Managers, picture: Picture, now_s: float) -> None:
        """Ask the modem for the time where the hub has none or a poor one: hourly once it told."""
        is_told = self._told_s is not None and now_s - self._told_s < AGAIN_S
        if self._believe is None or is_told or self._clock.quality() in GOOD_QUALITY:
            return
        try:
            if await managers.tell_time(picture, self._clock, self._believe):
                self._told_s = now_s
        except NotAnswered as error:
            log.debug("network-time-unknown", error=error.reason)
