"""A hub's clock that goes with a virtual loop."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo


class LoopClock:
    """Synchronised to 8 ms; at the loop's second 0 it is `starts`."""

    def __init__(self, starts: datetime) -> None:
        self.starts_ns = int(starts.timestamp()) * 10**9
        self.level = 3

    @classmethod
    def at(cls, text: str, zone: ZoneInfo) -> LoopClock:
        return cls(datetime.fromisoformat(text).replace(tzinfo=zone))

    def boottime_ns(self) -> int:
        return 10**12 + round(asyncio.get_running_loop().time() * 1e9)

    def utc_ns(self) -> int:
        return self.starts_ns + round(asyncio.get_running_loop().time() * 1e9)

    def quality(self) -> int:
        return self.level

    def boot_id(self) -> bytes:
        return b"boot" * 4
