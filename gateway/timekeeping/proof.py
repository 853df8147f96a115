"""When records were sealed here, lately: before that instant nobody could sign that they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from uplink.journal import Journal, Step
from uplink.wire import Receipt

REMEMBERED = 64


class _Sealed(NamedTuple):
    kid: bytes
    first: int
    last: int
    boottime_ms: int

    def is_named_by(self, receipt: Receipt) -> bool:
        ranges = receipt.stored.get(self.kid, ())
        return any(first <= self.last and self.first <= last for first, last in ranges)


class Proof:
    """Remembers the newest that were sealed; `boottime_ms` is BOOTTIME now."""

    def __init__(self, boottime_ms: Callable[[], int]) -> None:
        self._boottime_ms = boottime_ms
        self._sealed: deque[_Sealed] = deque(maxlen=REMEMBERED)

    def follow(self, journal: Journal) -> Journal:
        """That journal, with an ear on what is sealed."""

        def note(step: Step) -> None:
            if step.did == "sealed":
                at_ms = self._boottime_ms()
                for kid, ranges in step.records.items():
                    self._sealed += (_Sealed(kid, *each, at_ms) for each in ranges)
            journal(step)

        return note

    def age_ms(self, receipt: Receipt) -> float:
        """No longer ago than this the receipt was signed; inf where nobody here can know."""
        named = (each.boottime_ms for each in self._sealed if each.is_named_by(receipt))
        return self._boottime_ms() - max(named, default=-inf)
