"""The modem's ladder: what is tried, in which order, how long each is given, and when again.

Wait for the network; connect again; switch the modem off and on; reset it; then a person is asked
for, and it is all tried again, after an hour, two, four, at last once a day. It stands at its foot
whenever data flows: nothing is ever done to a modem that works.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

HOUR_S, LONGEST_S = 60 * 60, 24 * 60 * 60
CALM_S = HOUR_S  # what heals for less than this is not mended, and is waited for the longer


class Rung(StrEnum):
    """One thing that is tried."""

    WAIT = "wait"
    RECONNECT = "reconnect"
    RESTART = "restart"
    RESET = "reset"


GIVEN_S = {Rung.WAIT: 300, Rung.RECONNECT: 180, Rung.RESTART: 300, Rung.RESET: 600}
RUNGS = tuple(Rung)


class Ladder:
    """Where it stands. `climbs` counts how often each rung was tried since the start."""

    def __init__(self) -> None:
        self.rung: Rung | None = None
        self.climbs = Counter[str]()
        self.is_exhausted = False
        self._resets = 0
        self._relapses = 0
        self._stepped_s = 0.0
        self._calm_since_s: float | None = None

    def rest(self, now_s: float) -> None:
        """Data flows, or nothing is amiss."""
        self._relapses += self.rung not in (None, Rung.WAIT)
        self.rung, self.is_exhausted = None, False
        if self._calm_since_s is None:
            self._calm_since_s = now_s
        if now_s - self._calm_since_s >= CALM_S:
            self._resets = self._relapses = 0

    def climb(self, now_s: float) -> Rung | None:
        """Something is amiss: the rung to try now, None while the last one has its time."""
        self._calm_since_s = None
        if self.rung is None:
            self._step(Rung.WAIT, now_s)
        elif now_s - self._stepped_s >= self._given_s(self.rung):
            at = RUNGS.index(self.rung) + 1
            if at < len(RUNGS):
                self._step(RUNGS[at], now_s)
                return self.rung
            self.is_exhausted = True
            self._step(Rung.WAIT, now_s)
        return None

    def left_s(self, now_s: float) -> float | None:
        """Until the next rung; None at the foot."""
        if self.rung is None:
            return None
        return max(0.0, self._stepped_s + self._given_s(self.rung) - now_s)

    def _step(self, rung: Rung, now_s: float) -> None:
        self.rung, self._stepped_s = rung, now_s
        self.climbs[rung] += 1
        self._resets += rung is Rung.RESET

    def _given_s(self, rung: Rung) -> float:
        if rung is not Rung.WAIT:
            return GIVEN_S[rung]
        if self._resets:
            return min(HOUR_S * 2.0 ** min(self._resets - 1, 10), LONGEST_S)
        return min(GIVEN_S[rung] * 2.0 ** min(self._relapses, 10), HOUR_S)
