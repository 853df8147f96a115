"""A part of the hub that reports whatever it is told to."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.reports import Facts, Problem


class ToldPart:
    def __init__(self, name: str, facts: Facts | None = None) -> None:
        self.name = name
        self.told: Facts = facts or {}
        self.amiss: Sequence[Problem] = ()

    def facts(self) -> Facts:
        return self.told

    def problems(self) -> Sequence[Problem]:
        return self.amiss
