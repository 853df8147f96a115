"""A backlog goes over loopback to a real office, each reading receipted after its commit."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.claim import Claim
from benchmarks.site import Site
from simulator.processes import run

READINGS = 20_000
PEER_READINGS = 2_000
ALONE, TOGETHER = 1, 20


class Drained(NamedTuple):
    """How it went."""

    elapsed_s: float
    cpu_s: float
    bytes_up: int


async def measure(folder: Path) -> list[Claim]:
    """Ours and the peer's, one after the other on the same broker."""
    async with Site(folder) as site:
        ours = await drain(site, READINGS)
        await site.hub.stop()
        await site.office.stop()
        alone = await send_json(site, PEER_READINGS, ALONE, "sqlite")
        together = await send_json(site, PEER_READINGS, TOGETHER, "none")
    rate = READINGS / ours.elapsed_s
    alone_rate, rate_together = (PEER_READINGS / peer.elapsed_s for peer in (alone, together))
    bytes_each, cpu_s = ours.bytes_up / READINGS, 1e4 * ours.cpu_s / READINGS
    json_bytes, json_cpu_s = (
        each / PEER_READINGS for each in (together.bytes_up, 1e4 * together.cpu_s)
    )
    more = rate / alone_rate
    return [
        Claim(
            "bytes", "a reading of a backlog, TLS bytes up", "B", bytes_each, 100, True, json_bytes
        ),
        Claim(
            "drain",
            "drain on loopback; ours with receipts, JSON kept nowhere",
            *("readings/s", rate, 5_000, False, rate_together),
        ),
        Claim(
            "drain-alone",
            "drain against JSON kept in SQLite until its PUBACK",
            *("times", more, 20, False),
        ),
        Claim("cpu", "CPU per 10,000 readings sent", "s", cpu_s, 0.1, True, json_cpu_s),
    ]


async def drain(site: Site, count: int) -> Drained:
    """Send so many readings that the hub holds; its start is not counted."""
    await site.fill(count)
    site.link.is_open = False
    await site.office_is_up()
    await site.hub.start()
    hub = await site.hub_is_up()
    cpu_s = cpu_seconds(hub)
    site.link.is_open = True
    await site.stored(count)
    elapsed_s = site.link.last_at - site.link.opened_at
    return Drained(elapsed_s, cpu_seconds(hub) - cpu_s, site.link.traffic().up)


async def send_json(site: Site, count: int, window: int, store: str) -> Drained:
    """The peer on the same link."""
    before = site.link.traffic()
    words = [str(site.link.port), str(site.credential("")), str(count), str(window), store]
    site.credential("peer.db").unlink(missing_ok=True)
    said = json.loads(await run(sys.executable, "-m", "benchmarks.json_peer", *words))
    passed = site.link.traffic() - before
    return Drained(said["elapsed_s"], said["cpu_s"], passed.up)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process: proc(5), fields 14 and 15 of stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
