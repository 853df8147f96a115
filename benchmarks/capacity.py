"""90 days of 4 devices at 20 readings a day, in the outbox as it is shipped."""

from __future__ import annotations

from pathlib import Path

from benchmarks import readings
from benchmarks.claim import Claim
from benchmarks.site import HUB, Site
from gateway.settings import OutboxSettings
from uplink.outbox import Outbox

READINGS = 90 * 4 * 20


async def measure(folder: Path) -> list[Claim]:
    """How many such stretches the quota holds; the peer's JSON is reckoned by its bytes alone."""
    async with Site(folder) as site:
        await site.fill(READINGS)
        used_bytes = site.outbox.stat().st_size
        quota_bytes = OutboxSettings().quota_mb * 1_000_000
        outbox = await Outbox.open(site.outbox, quota_bytes=quota_bytes)
        waiting = outbox.depth
        await outbox.close()
    json_bytes = READINGS * len(readings.as_json(1, HUB))
    assert waiting >= READINGS
    what = "90 days of 4 devices, as often as the outbox holds them"
    often = quota_bytes / used_bytes
    return [Claim("capacity", what, "times", often, 1, False, quota_bytes / json_bytes)]
