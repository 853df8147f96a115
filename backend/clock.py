"""The time by which the backend stamps what it received."""

from __future__ import annotations

import time
from importlib.metadata import entry_points
from typing import Protocol

from backend.config import Clock as ClockSettings
from backend.errors import ConfigError, ConfigErrors

GROUP = "vitalpost.clocks"


class Clock(Protocol):
    """UTC in nanoseconds since 1970."""

    def utc_ns(self) -> int:
        """The time now."""


class SystemClock:
    """The machine's own clock."""

    def utc_ns(self) -> int:
        """The time now."""
        return time.time_ns()


def load_clock(settings: ClockSettings) -> Clock:
    """The clock that the settings name. Raises ConfigErrors."""
    if settings.source == "system":
        return SystemClock()
    for point in entry_points(group=GROUP, name=settings.source):
        try:
            clock: Clock = point.load()(**settings.options)
        except (TypeError, ValueError, OSError) as error:
            fault = ConfigError("clock.options", str(error), f"options of {settings.source}")
            raise ConfigErrors([fault]) from error
        return clock
    known = ", ".join(["system", *sorted(entry_points(group=GROUP).names)])
    raise ConfigErrors([ConfigError("clock.source", repr(settings.source), f"one of {known}")])
