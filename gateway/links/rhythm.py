"""How long this home is silent of its own accord: what makes a silence a fault.

A radio that hears nothing and a home in which nothing speaks look alike. What tells them apart is
the past: whose neighbours' televisions are heard every few seconds has a fault after 90 s, while a
farm whose one cuff speaks each morning has none for a day. So the longest silence of the last two
weeks that ended by itself is remembered (two weeks hold two weekends on which everybody is away),
and a silence of twice that length is one that something should have broken. Before an hour was
listened through nothing is known, and ten minutes are assumed; beyond six hours nothing is waited
for: a false alarm costs seconds of deafness, a true one missed costs a day's readings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

SILENCE_S = 90.0
UNKNOWN_S = 600.0
LONGEST_S = 6 * 3600.0
LISTENED_S = 3600.0
DAY_S = 86_400.0
DAYS_KEPT = 14
LIVELY_S = 900.0  # where no silence is longer, somebody is always there to be heard


class _Day(NamedTuple):
    """A day of the loop's clock, and its longest silence."""

    number: int
    longest_s: float


class Rhythm:
    """Learns from what is heard; `heard_at` and `now` are of one clock that is never set."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began_at = self.heard_at = now()
        self._days: deque[_Day] = deque(maxlen=DAYS_KEPT)

    @property
    def silent_s(self) -> float:
        """How long nothing has been heard."""
        return self._now() - self.heard_at

    @property
    def expected_s(self) -> float:
        """The silence after which something should have been heard."""
        if self._listened_s < LISTENED_S:
            return UNKNOWN_S
        return min(max(SILENCE_S, 2 * self._longest_s), LONGEST_S)

    @property
    def is_lively(self) -> bool:
        """Whether a day was listened through in which something was always to be heard."""
        return self._listened_s >= DAY_S and self._longest_s <= LIVELY_S

    def heard(self, *, was_mended: bool) -> None:
        """Something is heard; the silence before it says nothing if the hub has ended it."""
        now = self._now()
        silent_s, self.heard_at = now - self.heard_at, now
        if was_mended:
            return
        number = int(now // DAY_S)
        if not self._days or self._days[-1].number != number:
            self._days.append(_Day(number, silent_s))
        elif silent_s > self._days[-1].longest_s:
            self._days[-1] = _Day(number, silent_s)

    def resume(self) -> None:
        """Listen again: what nobody listened to was no silence."""
        self._began_at += self.silent_s
        self.heard_at = self._now()

    @property
    def _listened_s(self) -> float:
        return self.heard_at - self._began_at

    @property
    def _longest_s(self) -> float:
        oldest = int(self._now() // DAY_S) - DAYS_KEPT
        return max((each.longest_s for each in self._days if each.number > oldest), default=0.0)
