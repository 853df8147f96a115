"""What is under way without a receipt: how much more may go, and when what goes again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from uplink.wire import Ranges, Run


@dataclass(frozen=True, slots=True)
class Pace:
    """How much and how soon. `draw` gives the jitter: a number between its two arguments."""

    window: int = 16
    batch_records: int = 100
    batch_bytes: int = 5000
    silence_s: float = 30.0
    first_retry_s: float = 30.0
    longest_retry_s: float = 3600.0
    key_record_s: float = 3600.0
    status_s: float = 86_400.0
    first_reconnect_s: float = 1.0
    longest_reconnect_s: float = 900.0
    draw: Callable[[float, float], float] = random.uniform


PACE = Pace()


class Span(NamedTuple):
    """Sequences of one epoch, both ends included."""

    kid: bytes
    first: int
    last: int

    def without(self, ranges: Ranges) -> Iterator[Span]:
        """What is left of the span when the ranges are taken out."""
        first = self.first
        for low, high in sorted(ranges):
            if low <= self.last and high >= first:
                if first < low:
                    yield Span(self.kid, first, low - 1)
                first = high + 1
        if first <= self.last:
            yield Span(self.kid, first, self.last)


class Offers:
    """Messages that were sent and of which something is not receipted; true while there are any.

    While receipts come, whatever stays without one is sent again. While none do, the oldest batch
    alone is, later and later, on old and new connections; the first receipt after such a silence
    sends all that is open again, as the broker need not have kept it.
    """

    def __init__(self, pace: Pace) -> None:
        self.cursor = 0
        self.again_at = inf
        self._pace = pace
        self._messages: list[list[Span]] = []
        self._delay_s = pace.first_retry_s
        self._was_answered = True
        self._is_probing = False

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def has_room(self) -> bool:
        """Whether one more message may go."""
        return len(self._messages) < (1 if self._is_probing else self._pace.window)

    def start_over(self) -> None:
        """On a new connection: nothing of it is under way."""
        self._is_probing = not self._was_answered
        self._messages.clear()
        self.cursor = 0
        self.again_at = inf

    def add(self, runs: Iterable[Run], cursor: int) -> None:
        """A message of these runs goes; the next one begins behind `cursor`."""
        spans = [Span(run.kid, run.first, run.first + len(run.sealed) - 1) for run in runs]
        self._messages.append(spans)
        self.cursor = cursor

    def sent(self, now: float) -> None:
        """A message went, for the first time or again."""
        self._was_answered = False
        self.again_at = now + self._delay_s

    def settle(self, stored: Mapping[bytes, Ranges], now: float) -> None:
        """Take out what a receipt has named."""
        left = [
            [part for span in spans for part in span.without(stored.get(span.kid, ()))]
            for spans in self._messages
        ]
        self._messages = [spans for spans in left if spans]
        if stored:
            was_silent = self._is_probing or self._delay_s > self._pace.first_retry_s
            self._was_answered = True
            self._is_probing = False
            self._delay_s = self._pace.first_retry_s
            self.again_at = now + self._delay_s
            if was_silent:
                self.start_over()
        if not self._messages:
            self.again_at = inf

    def expire(self, now: float) -> bool:
        """At `again_at`: whether only the oldest batch is to go again, as nothing was answered."""
        self._delay_s = min(2 * self._delay_s, self._pace.longest_retry_s)
        if self._was_answered:
            self.start_over()
            return False
        self.again_at = now + self._delay_s
        return True
