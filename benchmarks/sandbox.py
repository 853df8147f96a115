"""What systemd's own audit says of the unit that is shipped."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.claim import Claim
from simulator.processes import run

UNIT = Path(__file__).parents[1] / "systemd" / "vitalpost.service"


async def measure(_folder: Path) -> list[Claim]:
    """Its overall exposure, of 10."""
    asked = ("security", "--offline=true", "--no-pager", str(UNIT))
    said = await run("systemd-analyze", *asked)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    if found is None:
        raise RuntimeError(f"systemd-analyze says no level: {said[-200:]}")
    return [Claim("sandbox", "systemd-analyze security", "of 10", float(found[1]), 1.5)]
