"""What others say of the time, on the scale of BOOTTIME, which runs whatever is done to clocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

DRIFT_PPM = 100  # of BOOTTIME: twice a Pi's crystal; docs/time.md reckons with the same
MAX_QUALITY = 31

SYSTEM = "system"
OFFICE = "office"
MODEM = "modem"
LEAST_ERROR_MS = {
    SYSTEM: 1,
    # Its clock is one that runs on a server, and nobody vouches for it.
    OFFICE: 5_000,
    # 3GPP TS 22.042, 4: "in the order of minutes", usually within a couple of them.
    MODEM: 240_000,
}

Believe = Callable[[int, int, int, str], bool]
"""Somebody's word of the time: UTC, BOOTTIME and error in ms, and whose; whether it can be so."""


class Word(NamedTuple):
    """At this BOOTTIME it was `utc_ms`, give or take `error_ms`, says the source."""

    boottime_ms: int
    utc_ms: int
    error_ms: int
    source: str

    def at(self, boottime_ms: int) -> Word:
        """The same, carried to another instant of this boot."""
        apart_ms = boottime_ms - self.boottime_ms
        error_ms = self.error_ms + abs(apart_ms) * DRIFT_PPM // 1_000_000 + (apart_ms != 0)
        return Word(boottime_ms, self.utc_ms + apart_ms, error_ms, self.source)

    @property
    def quality(self) -> int:
        """As of a clock: n where the error is below 2**n ms."""
        return min(MAX_QUALITY, max(1, self.error_ms.bit_length()))

    def agrees(self, other: Word, leeway_ms: int = 0) -> bool:
        """Whether both can be right. They are of the same instant."""
        return abs(self.utc_ms - other.utc_ms) <= self.error_ms + other.error_ms + leeway_ms


class Sources:
    """The best word of each source in this boot."""

    def __init__(self) -> None:
        self._words: dict[str, Word] = {}

    def take(self, word: Word) -> None:
        """Keep it where it leaves less doubt than what that source said before, or denies it."""
        word = word._replace(error_ms=max(word.error_ms, LEAST_ERROR_MS[word.source]))
        held = self.last(word.source, word.boottime_ms)
        if not held or not word.agrees(held) or word.error_ms <= held.error_ms:
            self._words[word.source] = word

    def last(self, source: str, boottime_ms: int) -> Word | None:
        """What it said, carried to this instant."""
        word = self._words.get(source)
        return word and word.at(boottime_ms)

    def best(self, boottime_ms: int) -> Word | None:
        """What leaves least doubt; None where nobody said anything, or one denies another.

        The modem's word, which nobody signs, counts only while no other denies it.
        """
        words = [word.at(boottime_ms) for word in self._words.values()]
        words = [w for w in words if w.source != MODEM or all(w.agrees(other) for other in words)]
        if any(not one.agrees(other) for one in words for other in words):
            return None
        return min(words, key=lambda word: word.error_ms, default=None)
