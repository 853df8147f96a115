"""A hub that has nothing to do: its memory, and what a day of it costs on the line."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.claim import Claim
from benchmarks.site import Site

KEEPALIVE_S = 5
PINGS = 5
SETTLED_S = 8
DAY_S = 86_400
KEPT_ALIVE_S = 1200  # as it is shipped
STATUS_BYTES = 500  # of the daily status with its answer, which stands for one ping


async def measure(folder: Path) -> list[Claim]:
    """The whole daemon, without a radio. The day is reckoned from pings that were counted.

    A connection lasts for days: its handshake is none of an idle day's.
    """
    async with Site(folder, keepalive_s=KEEPALIVE_S) as site:
        await site.office_is_up()
        await site.hub.start()
        hub = await site.hub_is_up()
        while not site.link.opened_at:  # noqa: ASYNC110  the hub connects when it likes
            await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLED_S)
        memory_kb = resident_kb(hub)
        before = site.link.traffic()
        await asyncio.sleep(PINGS * KEEPALIVE_S)
        ping = (site.link.traffic() - before).on_ip / PINGS
    day, each_minute = (
        ((DAY_S // every_s - 1) * ping + STATUS_BYTES) / 1e3 for every_s in (KEPT_ALIVE_S, 60)
    )
    what = "idle day on IP, a ping each 20 minutes; JSON each minute"
    return [
        Claim("idle", what, "kB", day, 15, True, each_minute),
        Claim("memory", "memory of the idle daemon (RSS)", "MB", memory_kb * 1024 / 1e6, 60),
    ]


def resident_kb(pid: int) -> int:
    """VmRSS: proc(5)."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0])
