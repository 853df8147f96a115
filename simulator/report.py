"""The devices' own log on one side, the ledger on the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from simulator.history import Verdict
from simulator.judged import Judged
from simulator.measured import Measured


class Days(NamedTuple):
    """A patient's qualifying days, those that the devices' log implies, and how many differ."""

    counted: int
    expected: int
    wrong: int

    @property
    def sentence(self) -> str:
        """For a report."""
        wrong = f", {self.wrong} DIFFER" if self.wrong else ""
        return _tell_implied(self.counted, self.expected) + wrong


@dataclass(frozen=True)
class Outcome:
    """What came of a run. `for_another` counts readings that count for who did not measure them.

    `held` are kept and not counted, as their day is not known; `undated` says how many must be.
    """

    measured: int
    devices: Mapping[str, tuple[int, int]]
    stored: int
    lost: int
    counted_twice: int
    for_another: int
    held: int
    undated: int
    gaps: int
    days: Mapping[str, Days]
    judged: Mapping[str, Judged]
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
        """Nothing lost, doubled or another's, and just the days that the devices' log implies."""
        bad = self.lost + self.counted_twice + self.for_another + self.gaps + len(self.problems)
        bad += sum(days.wrong for days in self.days.values()) + abs(self.held - self.undated)
        bad += sum(not judged.is_good for judged in self.judged.values())
        is_proven = self.completeness == "complete" and self.history.violation is None
        return bad == 0 and self.measured > 0 and is_proven

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "measured": self.measured,
            "devices": {
                name: {"measured": made, "failed": failed}
                for name, (made, failed) in self.devices.items()
            },
            "stored": self.stored,
            "lost": self.lost,
            "counted_twice": self.counted_twice,
            "counted_for_another": self.for_another,
            "held": self.held,
            "gaps": self.gaps,
            "patients": {
                patient: {
                    "qualifying_days": days.counted,
                    "expected_days": days.expected,
                    "wrong_days": days.wrong,
                    **self.judged[patient].facts(),
                }
                for patient, days in self.days.items()
            },
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
        rows = [
            ("measured", f"{self.measured}, {self.failed_measurements} of them failed"),
            *((f"  {name}", _tell(*counts)) for name, counts in self.devices.items()),
            ("stored in the ledger", f"{self.stored}, {self.repeats} repeats recognised"),
            ("lost", self.lost),
            ("counted twice", self.counted_twice),
            ("counted for another person", self.for_another),
            (
                "held, as their day is unknown",
                f"{self.held} (the devices' log implies {self.undated})",
            ),
            ("gaps in the sequence", self.gaps),
            *(
                (f"qualifying days, {patient}", days.sentence)
                for patient, days in self.days.items()
            ),
            *((f"billable, {patient}", judged.sentence) for patient, judged in self.judged.items()),
            *((f"evidence, {patient}", judged.evidence) for patient, judged in self.judged.items()),
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


def compare(
    measured: Measured,
    verified: dict[str, Any],
    calendars: Mapping[str, dict[str, Any]],
    hub: dict[str, Any],
    **costs: Any,
) -> Outcome:
    """Hold the ledger's `verify`, `days` and `hubs` against what the devices measured."""
    stored = frozenset(verified["reading_ids"])
    names = measured.names
    nameless = len(stored - names) - (measured.count - len(names))
    counted = [
        (patient, day["date"], name)
        for patient, found in calendars.items()
        for day in found["days"]
        for name in day["reading_ids"]
    ]
    times = Counter(name for _, _, name in counted)
    owners = {one.name: one.patient for one in measured.made}
    repeated = sum(count - 1 for count in times.values()) + verified["doubles"]
    per_reading = max(1, len(stored))
    return Outcome(
        measured=measured.count,
        devices=measured.devices,
        stored=len(stored),
        lost=len(names - stored) + max(0, -nameless),
        counted_twice=repeated + max(0, nameless),
        for_another=sum(owners.get(name, patient) != patient for patient, _, name in counted),
        held=len({one["reading"] for found in calendars.values() for one in found["held"]}),
        undated=measured.undated,
        gaps=len(verified["gaps"]),
        days={
            patient: _compare_days(found, measured.days(patient))
            for patient, found in calendars.items()
        },
        judged=costs["judged"],
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


def _compare_days(found: dict[str, Any], expected: frozenset[str]) -> Days:
    counted = {day["date"] for day in found["days"] if day["counted"]}
    return Days(found["qualifying_days"], len(expected), len(counted ^ expected))


def _tell(made: int, failed: int) -> str:
    return f"{made}, {failed} failed" if failed else str(made)


def _tell_implied(found: int, implied: int) -> str:
    return f"{found} (the devices' log implies {implied})"
