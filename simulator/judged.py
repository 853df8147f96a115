"""What the ledger's verdict on a patient says, beside what the devices' log implies."""

from __future__ import annotations

from typing import Any, NamedTuple


class Judged(NamedTuple):
    """A verdict on a period, and its evidence, which another command has made again.

    `package` is the SHA-256 that names the evidence, `problems` what does not hold in it.
    """

    qualifying_days: int
    expected_days: int
    billable: tuple[str, ...]
    package: str
    package_bytes: int
    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether the verdict counts what was measured and its evidence holds."""
        return self.qualifying_days == self.expected_days and not self.problems

    @property
    def sentence(self) -> str:
        """For a report."""
        codes = ", ".join(self.billable) or "nothing"
        days = f"{self.qualifying_days} days of the period"
        if self.qualifying_days != self.expected_days:
            days += f", {self.expected_days} IMPLIED BY THE DEVICES' LOG"
        return f"{codes} ({days})"

    @property
    def evidence(self) -> str:
        """For a report."""
        if self.problems:
            return f"DOES NOT HOLD: {self.problems[0]}"
        return f"{self.package[:16]}, {self.package_bytes // 1000} kB, made again from itself alone"

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "period_days": self.qualifying_days,
            "billable": list(self.billable),
            "evidence": self.package,
            "evidence_problems": list(self.problems),
        }


def judge(verdict: dict[str, Any], package: dict[str, Any], expected_days: int) -> Judged:
    """From what `verdict` and `verify FILE.zip` print."""
    return Judged(
        verdict["qualifying_days"],
        expected_days,
        tuple(code["code"] for code in verdict["codes"] if "reason" not in code),
        package["package"],
        package["bytes"],
        tuple(package["problems"]),
    )
