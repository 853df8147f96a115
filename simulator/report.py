"""The cuff's own log on one side, the ledger on the other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cbor2

from simulator import frames
from simulator.history import Step, Verdict
from simulator.script import Script


@dataclass(frozen=True)
class Measured:
    """What the cuff says it measured, and on which days of the patient.

    `names` are the reading_ids that follow from its frames; none for a cuff whose frames have no
    time, as only the hub's sequence tells those apart.
    """

    count: int
    failed: int
    names: frozenset[str] | None
    days: frozenset[date]


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    measured: int
    stored: int
    lost: int
    counted_twice: int
    gaps: int
    qualifying_days: int
    expected_days: int
    wrong_days: int
    failed_measurements: int
    repeats: int
    killed: list[str]
    problems: list[str]
    elapsed_s: float
    wire_bytes_per_reading: int
    flash_bytes_per_reading: int
    history: Verdict
    completeness: str

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, and just the days that the cuff's log implies."""
        bad = self.lost + self.counted_twice + self.gaps + self.wrong_days + len(self.problems)
        is_proven = self.completeness == "complete" and self.history.violation is None
        return bad == 0 and self.measured > 0 and is_proven

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "measured": self.measured,
            "stored": self.stored,
            "lost": self.lost,
            "counted_twice": self.counted_twice,
            "gaps": self.gaps,
            "qualifying_days": self.qualifying_days,
            "expected_days": self.expected_days,
            "wrong_days": self.wrong_days,
            "failed_measurements": self.failed_measurements,
            "repeats": self.repeats,
            "kills": len(self.killed),
            "killed": self.killed,
            "problems": self.problems,
            "elapsed_s": round(self.elapsed_s, 1),
            "wire_bytes_per_reading": self.wire_bytes_per_reading,
            "flash_bytes_per_reading": self.flash_bytes_per_reading,
            "completeness": self.completeness,
            "history": self.history.sentence,
        }

    def table(self) -> str:
        """For a person."""
        days = f"{self.qualifying_days} (the cuff's log implies {self.expected_days})"
        rows = [
            ("measured by the cuff", f"{self.measured}, {self.failed_measurements} of them failed"),
            ("stored in the ledger", f"{self.stored}, {self.repeats} repeats recognised"),
            ("lost", self.lost),
            ("counted twice", self.counted_twice),
            ("gaps in the sequence", self.gaps),
            ("qualifying days", days),
            ("killed with -9", ", ".join(self.killed)),
            ("bytes on the wire per reading", self.wire_bytes_per_reading),
            ("bytes on flash per reading", self.flash_bytes_per_reading),
            ("elapsed", f"{self.elapsed_s:.1f} s"),
            ("everything the hub sealed", self.completeness),
            ("history", self.history.sentence),
        ]
        lines = [f"{name:<32}{value}" for name, value in rows]
        lines += [f"PROBLEM: {problem}" for problem in self.problems]
        lines.append(
            "Nothing lost, nothing counted twice." if self.is_good else "NOT as it should be."
        )
        return "\n".join(lines)


def tell_log(path: Path, script: Script) -> Iterator[Step]:
    """The cuff's log as steps; each day is that of the script's clock, which is the truth."""
    cuff, zone = script.cuff, ZoneInfo(script.zone)
    identity = cbor2.dumps([cuff.maker, cuff.model, cuff.serial])
    for event in map(json.loads, path.read_text().splitlines()):
        if event["event"] in ("measured", "confirmed", "dropped"):
            frame = bytes.fromhex(event["frame"])
            is_named = frames.device_time(frame) is not None
            name = hashlib.sha256(identity + frame).digest()[:16].hex()
            at = datetime.fromtimestamp(event["utc_ms"] / 1000, UTC).astimezone(zone)
            day = None if frames.is_failed(frame) else at.date().isoformat()
            yield Step("cuff", event["event"], readings=[name] if is_named else (), day=day)


def read_log(path: Path, script: Script) -> Measured:
    """Read what the cuff says it measured."""
    made = [step for step in tell_log(path, script) if step.did == "measured"]
    names = frozenset(name for step in made for name in step.readings)
    is_named = all(step.readings for step in made)
    return Measured(
        count=len(names) if is_named else len(made),
        failed=sum(step.day is None for step in made),
        names=names if is_named else None,
        days=frozenset(date.fromisoformat(step.day) for step in made if step.day),
    )


def compare(
    measured: Measured,
    verified: dict[str, Any],
    days: dict[str, Any],
    hub: dict[str, Any],
    **costs: Any,
) -> Outcome:
    """Hold the ledger's `verify`, `days` and `hubs` against what the cuff measured."""
    stored = frozenset(verified["reading_ids"])
    names = measured.names
    missing = len(names - stored) if names is not None else max(0, measured.count - len(stored))
    invented = len(stored - names) if names is not None else max(0, len(stored) - measured.count)
    in_days = Counter(name for day in days["days"] for name in day["reading_ids"])
    repeated = sum(times - 1 for times in in_days.values()) + verified["doubles"]
    counted = {date.fromisoformat(day["date"]) for day in days["days"] if day["counted"]}
    per_reading = max(1, len(stored))
    return Outcome(
        measured=measured.count,
        stored=len(stored),
        lost=missing,
        counted_twice=repeated + invented,
        gaps=len(verified["gaps"]),
        qualifying_days=days["qualifying_days"],
        expected_days=len(measured.days),
        wrong_days=len(counted ^ measured.days),
        failed_measurements=measured.failed,
        repeats=verified["sightings"] - len(stored),
        killed=costs["killed"],
        problems=verified["problems"],
        elapsed_s=costs["elapsed_s"],
        history=costs["history"],
        completeness=hub["state"],
        wire_bytes_per_reading=costs["wire_bytes"] // per_reading,
        flash_bytes_per_reading=costs["flash_bytes"] // per_reading,
    )
