"""A link that dies without a word and heals: which readings are lost, which come twice."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.claim import Claim
from benchmarks.site import Site

READINGS = 450
SILENT_S = 30


async def measure(folder: Path) -> list[Claim]:
    """The hub holds 450 readings, and the link falls silent as they are under way."""
    async with Site(folder) as site:
        await site.fill(READINGS)
        site.link.is_open = False
        await site.office_is_up()
        await site.hub.start()
        await site.hub_is_up()
        site.link.silent_after_bytes = 8_000
        site.link.is_open = True
        await asyncio.sleep(SILENT_S)
        site.link.heal()
        await site.stored(READINGS)
        with closing(sqlite3.connect(site.folder / "ledger.db")) as ledger:
            [named] = ledger.execute("SELECT count(DISTINCT reading_id) FROM reading").fetchone()
            [stored] = ledger.execute("SELECT count(*) FROM reading").fetchone()
    return [
        Claim("lost", "lost on a link that dies silently", f"of {READINGS}", READINGS - named, 0),
        Claim("twice", "counted twice by it", f"of {READINGS}", stored - named, 0),
    ]
