"""How long rows wait: told from memory, so of what an earlier process wrote only the least."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

SHARED_S = 600.0  # rows of ten minutes share the age of the first


class Age(NamedTuple):
    """`is_at_least`: the row was there when the outbox was opened."""

    seconds: float
    is_at_least: bool


class Ages:
    """When rows came, by id; ids only grow."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rows = [0]
        self._came = [now()]
        self._is_opening = [True]

    def note(self, row: int) -> None:
        """Know that this row has come now."""
        now = self._now()
        if self._is_opening[-1] or now - self._came[-1] >= SHARED_S:
            self._rows.append(row)
            self._came.append(now)
            self._is_opening.append(False)

    def age(self, oldest: int | None) -> Age:
        """The age of the row, and all below it are forgotten; 0 for none."""
        if oldest is None:
            return Age(0.0, is_at_least=False)
        at = bisect_right(self._rows, oldest) - 1
        if at < 0:  # it waits again
            return Age(self._now() - self._came[0], is_at_least=True)
        for each in (self._rows, self._came, self._is_opening):
            del each[:at]
        return Age(self._now() - self._came[0], self._is_opening[0])
