"""What a scenario is given, and what it returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from simulator.history import Verdict


class Run(NamedTuple):
    """One run of a scenario: all it decides by chance comes from `dice`."""

    seed: int
    dice: Random
    folder: Path
    is_quick: bool

    def either(self, short: int, long: int) -> int:
        """How much of something."""
        return short if self.is_quick else long


@dataclass(frozen=True)
class Result:
    """The counts of a scenario; `violation` is why it does not hold.

    Where it counts its `faults` by kind they add up, and the processor time of a part is at most
    `slowest_s`.
    """

    injected: int = 0
    readings: int = 0
    stored: int = 0
    lost: int = 0
    twice: int = 0
    note: str = ""
    violation: str | None = None
    faults: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0

    def __add__(self, other: Result) -> Result:
        return Result(
            *(
                getattr(self, name) + getattr(other, name)
                for name in ("injected", "readings", "stored", "lost", "twice")
            ),
            faults=self.faults + other.faults,
            slowest_s=max(self.slowest_s, other.slowest_s),
        )


def conclude(
    verdict: Verdict, injected: int, note: str = "", violation: str | None = None
) -> Result:
    """The result of a run that ended in this verdict; `violation` is one that only it can see."""
    counts = verdict.counts
    return Result(
        injected,
        counts["measured"],
        counts["stored"],
        counts["lost"],
        counts["twice"],
        note or f"history: {verdict.sentence}",
        verdict.violation or violation,
    )
