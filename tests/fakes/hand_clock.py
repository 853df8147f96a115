"""A hub's clock that is moved by hand."""

from __future__ import annotations

DAY_S = 24 * 60 * 60


class HandClock:
    """Stands until it is moved: 100 s after boot, on 1 June 2026, synchronised to 8 ms."""

    def __init__(self) -> None:
        self.boottime_s = 100.0
        self.utc_s = 1_780_315_200.0
        self.level = 3

    def wait(self, seconds: float) -> None:
        self.boottime_s += seconds
        self.utc_s += seconds

    def boottime_ns(self) -> int:
        return round(self.boottime_s * 1e9)

    def utc_ns(self) -> int:
        return round(self.utc_s * 1e9)

    def quality(self) -> int:
        return self.level

    def boot_id(self) -> bytes:
        return b"boot" * 4
