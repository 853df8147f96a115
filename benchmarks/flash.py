"""What a durable reading costs the card: bytes that the kernel had to write for this process."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.claim import Claim
from simulator.processes import run


async def measure(folder: Path) -> list[Claim]:
    """Alone and in groups, each in a process of its own; the peer keeps JSON in SQLite."""
    folder.mkdir()  # noqa: ASYNC240  nothing else runs
    alone, grouped, peer = [
        int(await run(sys.executable, "-m", "benchmarks.keeper", str(folder / how), how))
        for how in ("alone", "grouped", "peer")
    ]
    what = "flash per durable reading"
    return [
        Claim("flash", f"{what}, alone", "kB", alone / 1e3, 6.5, True, peer / 1e3),
        Claim("flash-grouped", f"{what}, in groups of 60", "kB", grouped / 1e3, 0.7),
    ]
