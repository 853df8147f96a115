"""A backlog over a cellular link of 60 kbit/s and 800 ms round trip."""

from __future__ import annotations

from pathlib import Path

from benchmarks.claim import Claim
from benchmarks.drain import drain, send_json
from benchmarks.link import Shape
from benchmarks.site import Site

SHAPE = Shape(60_000, 0.4)
READINGS = 4_000
PEER_READINGS = 60


async def measure(folder: Path) -> list[Claim]:
    """How near to what the link can carry at all; the limit is computed for our own bytes."""
    async with Site(folder, SHAPE) as site:
        ours = await drain(site, READINGS)
        await site.hub.stop()
        await site.office.stop()
        peer = await send_json(site, PEER_READINGS, 1, "none")
    share = SHAPE.shortest_s(ours.bytes_up) / ours.elapsed_s
    # What the peer could reach is reckoned with our bytes: the same content on the same link.
    least_s = SHAPE.shortest_s(round(PEER_READINGS * ours.bytes_up / READINGS))
    what = "drain at 60 kbit/s and 800 ms round trip, of the link's limit"
    return [Claim("slow-link", what, "share", share, 0.85, False, least_s / peer.elapsed_s)]
