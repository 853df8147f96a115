"""What the hub tells the office of its own health, in the status message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from gateway.clock import read_moment
from gateway.status import Parts, find_problems
from uplink.status import Health

LOOK_S = 60.0  # so soon the office hears of it, and so often at most


def judge_health(parts: Parts) -> Health:
    """How the hub is at this moment, as far as it is the office's concern."""
    now = read_moment(parts.clock)
    signals = [each.facts().get("signal") for each in parts.reporters if each.name == "network"]
    return Health(
        clock_quality=now.quality,
        signal=next((word for word in signals if isinstance(word, str)), ""),
        needs_help=any(problem.needs_help for problem in find_problems(parts, now)),
    )


async def watch_health(judge: Callable[[], Health], on_change: Callable[[], None]) -> NoReturn:
    """Call `on_change` when the health is of another grade than a minute ago."""
    grade = judge().grade
    while True:
        await asyncio.sleep(LOOK_S)
        before, grade = grade, judge().grade
        if grade != before:
            on_change()
