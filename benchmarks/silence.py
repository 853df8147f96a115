"""How long it takes until a hub says that its office does not answer, though the broker does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.claim import Claim
from benchmarks.site import Site

PATIENCE_S = 60


async def measure(folder: Path) -> list[Claim]:
    """The broker takes the reading and nobody is there to receipt it."""
    async with Site(folder) as site:
        await site.fill(1)
        await site.hub.start()
        while not site.link.opened_at:  # noqa: ASYNC110  the hub connects when it likes
            await asyncio.sleep(0.05)
        deadline = time.monotonic() + PATIENCE_S
        while "office-not-reached" not in site.hub.log.read_text():
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        took_s = time.monotonic() - site.link.opened_at
    what = "until “office not reached” is said, and the way to the first publish"
    return [Claim("silence", what, "s", took_s, 31)]
