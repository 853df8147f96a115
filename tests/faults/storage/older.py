"""One life of a hub that finds the outbox of an older version: it upgrades it and goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.storage.home import DONE, ENDED, TORN
from tests.faults.storage.trace import Tell
from tests.uplink.test_outbox import KID, NOW, rows
from tests.uplink.test_upgrade import NEXT, OLDER
from uplink.errors import OutboxDamaged, OutboxFull
from uplink.outbox import Outbox

QUOTA = 1 << 20
EVERYTHING = (0, 1_000_000, 1 << 30)


def prepare(folder: Path) -> None:
    """The older files."""
    shutil.copytree(OLDER / "outbox-1", folder, dirs_exist_ok=True)


def live(path: Path, tell: Tell) -> int:
    """Open it, add to it, close it; exit as the daemon would where storage fails."""
    try:
        asyncio.run(_live(path, tell))
    except OutboxFull:
        tell("full")
    except (OutboxDamaged, OSError) as fault:
        tell("ended", str(fault))
        return ENDED
    return DONE


async def _live(path: Path, tell: Tell) -> None:
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    try:
        for number in range(6, 26):
            await outbox.append(NEXT, rows(number, number))
            tell("kept", number)
        await outbox.release({KID: [(21, 24)]}, NOW)
    finally:
        await outbox.close()


async def survive(path: Path, told: Sequence[Sequence[Any]], *, may_doubt: bool) -> str | None:
    """Open it again: all that lay there and all that was acknowledged since is there."""
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    try:
        if outbox.losses and not (may_doubt and {loss.what for loss in outbox.losses} == {TORN}):
            return f"the next start reports {outbox.losses}, and nothing was lost"
        batch = await outbox.peek(*EVERYTHING)
        stats = await outbox.stats()
    finally:
        await outbox.close()
    there = {
        (run.kid, number): sealed
        for run in batch.runs
        for number, sealed in enumerate(run.sealed, run.first)
    }
    last = max([5, *(facts[0] for did, *facts in told if did == "kept")])
    due = {(KID, number): sealed for number, sealed in rows(26, 60)}
    due |= {(NEXT, number): sealed for number, sealed in rows(1, last)}
    lost = [name for name, sealed in due.items() if there.get(name) != sealed]
    if lost:
        return f"{len(lost)} records are gone, {lost[0][1]} first"
    released = {24, 20}  # a receipt may not have been written yet: then it is waited for again
    return None if stats.released in released else f"{stats.released} released ones are left"
