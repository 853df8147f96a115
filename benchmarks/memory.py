"""What the hub's process holds: idle, and while it drains 90 days of 4 devices at 20 readings."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.capacity import READINGS
from benchmarks.claim import Claim
from benchmarks.site import Site

DAYS = 90
SETTLED_S = 8
LIMIT_MB = 64


async def measure(folder: Path) -> list[Claim]:
    """Both at their highest since the start (VmHWM of proc(5)), of one life of the whole daemon."""
    async with Site(folder) as site:
        await site.fill(READINGS, epoch_readings=READINGS // DAYS)
        site.link.is_open = False
        await site.office_is_up()
        await site.hub.start()
        hub = await site.hub_is_up()
        await asyncio.sleep(SETTLED_S)
        idle_mb = highest_mb(hub)
        site.link.is_open = True
        await site.stored(READINGS)
        draining_mb = highest_mb(hub)
    what = "memory of the hub at its highest (VmHWM)"
    return [
        Claim("memory-offline", f"{what}, offline with 90 days", "MB", idle_mb, LIMIT_MB),
        Claim("memory-drain", f"{what}, draining them", "MB", draining_mb, LIMIT_MB),
    ]


def highest_mb(pid: int) -> float:
    """The most that the process has had in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
