"""50 hubs, each a process with a TLS connection of its own, whose broker dies and comes back."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from tests.faults.rig import Rig
from tests.faults.run import Result, Run, conclude

OUTAGE_S = 6
READINGS = 4
CAME = re.compile(r"^(\d+): New client connected from \S+ as (hub-\d+) ", re.MULTILINE)


async def comebacks(run: Run) -> Result:
    """What was measured during the outage arrives from each; the broker's log says how they came.

    How 1,000 spread is the scenario `reconnections`, in virtual time.
    """
    async with Rig(run.folder, hubs=run.either(20, 50)) as rig:
        await rig.start()
        await _measure(rig)
        await rig.settle()
        await rig.kill(rig.broker)
        await _measure(rig)
        await rig.wait("empty meters", lambda: all(hub.ward.is_empty for hub in rig.hubs))
        await asyncio.sleep(OUTAGE_S)
        await rig.launch(rig.broker)
        await rig.settle()
        await rig.stop_hubs()
        seconds = [(int(second), name) for second, name in CAME.findall(rig.broker.said())]
        first = {name: second for second, name in reversed(seconds)}
        spread_s = max(first.values()) - min(first.values())
        [(_, most)] = Counter(first.values()).most_common(1)
        note = f"{len(first)} hubs within {spread_s} s, at most {most} in one second"
        missing = len(rig.hubs) - len(first)
        return conclude(rig.judge(), 1, note, f"{missing} did not come" if missing else None)


async def _measure(rig: Rig) -> None:
    for hub in rig.hubs:
        hub.measure(READINGS)
