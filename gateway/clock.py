"""The hub's clocks and how far the wall clock can be trusted."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast
from uuid import UUID

from gateway.errors import ConfigError

STA_UNSYNC = 0x0040  # linux/timex.h
TIME_ERROR = 5


class Clock(Protocol):
    """What the hub's clocks say."""

    def boottime_ns(self) -> int:
        """Nanoseconds since the hub booted, sleep included."""

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 as the hub believes them."""

    def quality(self) -> int:
        """0 while UTC is not synchronised; n >= 1 when its error is below 2**n ms."""

    def boot_id(self) -> bytes:
        """16 bytes that no other boot of any hub has."""


class Moment(NamedTuple):
    """One instant by both clocks, with the quality of UTC."""

    boottime_ms: int
    utc_ms: int
    quality: int

    @property
    def offset_ms(self) -> int:
        """UTC less BOOTTIME: constant until UTC is stepped."""
        return self.utc_ms - self.boottime_ms


def read_moment(clock: Clock) -> Moment:
    """The present instant; synchronised only if UTC was so before and after it was read."""
    before = clock.quality()
    boottime_ns, utc_ns = clock.boottime_ns(), clock.utc_ns()
    after = clock.quality()
    quality = max(before, after) if before and after else 0
    return Moment(boottime_ns // 1_000_000, utc_ns // 1_000_000, quality)


def site_time(clock: Clock, zone: tzinfo) -> datetime | None:
    """Naive time in `zone`; None while UTC is not synchronised."""
    if not clock.quality():
        return None
    now = datetime.fromtimestamp(clock.utc_ns() / 1e9, UTC)
    return now.astimezone(zone).replace(tzinfo=None)


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2) as far as it is read here; the kernel writes 208 bytes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 20),
    )


class SystemClock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self._adjtimex = ctypes.CDLL(None).adjtimex

    def boottime_ns(self) -> int:
        """CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def utc_ns(self) -> int:
        """CLOCK_REALTIME."""
        return time.time_ns()

    def quality(self) -> int:
        """From adjtimex: timesyncd's own flag stays set after synchronisation is lost."""
        timex = Timex()
        state = self._adjtimex(ctypes.byref(timex))
        return rate(state, timex.status, timex.maxerror)

    def boot_id(self) -> bytes:
        """The kernel's random id of this boot."""
        return UUID(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()).bytes


def rate(state: int, status: int, maxerror_us: int) -> int:
    """Clock quality from what adjtimex(2) returned and wrote."""
    if state in (-1, TIME_ERROR) or status & STA_UNSYNC:
        return 0
    return max(1, (maxerror_us // 1000).bit_length())


def load_clock(source: str, options: Mapping[str, Any], machine: Clock | None = None) -> Clock:
    """The clock that the settings name: "system", or an entry point of `vitalpost.clocks`."""
    if source == "system":
        return machine or SystemClock()
    offered = entry_points(group="vitalpost.clocks")
    if source not in offered.names:
        wanted = ", ".join(sorted({"system", *offered.names}))
        raise ConfigError("clock.source", repr(source), f"one of {wanted}")
    try:
        return cast(Clock, offered[source].load()(**options))
    except (TypeError, ImportError, OSError) as error:
        raise ConfigError("clock.options", str(error), f"what {source} takes") from error
