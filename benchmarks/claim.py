"""A claim: what is measured, beside two peers in the same run, against the budget of the design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

HEAD = ("what", "ours", "JSON per reading", "ThingsBoard gateway", "budget", "")


@dataclass(frozen=True, slots=True)
class Claim:
    """One row; `limit` bounds `ours` from above, or from below where it is no ceiling.

    `json` is what the peer of benchmarks/json_peer.py needs for the same, None where it has no say.
    """

    key: str
    what: str
    unit: str
    ours: float
    limit: float
    is_ceiling: bool = True
    json: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether ours is within the budget."""
        return self.ours <= self.limit if self.is_ceiling else self.ours >= self.limit

    def cells(self, thingsboard: float | None) -> list[str]:
        """The columns of the table, as text."""
        budget = f"{'≤' if self.is_ceiling else '≥'} {plain(self.limit)}"
        return [
            f"{self.what}, {self.unit}",
            plain(self.ours),
            self._beside(self.json),
            self._beside(thingsboard),
            budget,
            "held" if self.is_held else "not held",
        ]

    def _beside(self, peer: float | None) -> str:
        if peer is None:
            return "-"
        return plain(peer) + (f" ({plain(self.ours / peer)})" if peer else "")


def table(claims: Iterable[Claim], thingsboard: Mapping[str, float]) -> str:
    """The claims; in brackets ours / peer."""
    return as_table(HEAD, (claim.cells(thingsboard.get(claim.key)) for claim in claims))


def as_table(head: Sequence[str], of: Iterable[Sequence[str]]) -> str:
    """A table in Markdown that reads as well on a terminal."""
    rows = [head, *of]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    lines = [
        "| "
        + " | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def plain(number: float) -> str:
    """Three figures."""
    if number == 0 or abs(number) >= 100:  # noqa: PLR2004  three figures say enough
        return f"{number:,.0f}"
    return f"{number:.3g}"
