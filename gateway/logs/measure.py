"""Keeps the log short: what says the same again and again is said a few times a day."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from structlog import DropEvent

DAY_S = 24 * 60 * 60.0
TIMES = 3  # a day, of the same
TOLD_APART = ("event", "device", "what", "reason_code", "hint")


class Measure:
    """A processor: the same of the same device has three lines in 24 hours, the third says so.

    Whatever is left out is counted, and told as `unsaid` by the first line after them. What
    a person did (`uid`) is always said.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._said: dict[tuple[str, ...], list[float]] = {}
        self._unsaid: dict[tuple[str, ...], int] = {}

    def __call__(
        self, _logger: Any, _method: str, line: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """The line, with a note where others were or will be left out. Raises DropEvent."""
        if "uid" in line:
            return line
        key = tuple(str(line.get(fact)) for fact in TOLD_APART)
        now = self._now()
        said = [at for at in self._said.get(key, ()) if now - at < DAY_S]
        if len(said) >= TIMES:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            raise DropEvent
        self._said[key] = [*said, now]
        if unsaid := self._unsaid.pop(key, 0):
            line["unsaid"] = unsaid
        if len(said) == TIMES - 1:
            line["further"] = "counted"
        return line
