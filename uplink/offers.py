"""What is under way without a receipt: how much more may go, and when what goes again.

The whole set of rules for sending:

1.  A record leaves at once, alone if it is alone; a backlog leaves oldest first, in messages of at
    most 100 records or 10 kB, at most 16 messages ahead of their receipts (the window).
2.  A PUBACK releases nothing. It tells whether the broker took a message; no more.
3.  A receipt releases what it names. What is open goes again, oldest first, when no receipt has
    come for 30 s since the last, or later ones have overtaken the oldest message for 30 s; a record
    that is overtaken again, after twice the time each time, up to an hour.
4.  When the first unreceipted message is 30 s old, the office counts as not reached. A connection
    that answers pings is left as it is.
5.  While the office is silent only the oldest record goes again, alone: after 30 s, then at twice
    the interval each time, up to an hour. New records wait, once the window is full.
6.  The first receipt after a silence sends all that is open again: the broker may have lost it.
7.  A new connection knows nothing of the one before: all that is open goes again, by rule 1; while
    the office is silent only its oldest message.
8.  Connecting again waits for a random time between 0 and a ceiling that doubles from 1 s to
    15 min, also when the broker accepts and then ends it. A receipt, or a connection of more than
    15 min, brings the ceiling back to 1 s.
9.  A key record goes with the first message of its epoch on each connection and with each message
    that goes again, until something of the epoch is receipted; and alone when a receipt says that
    the epoch is unknown, at most hourly.
10. A checkpoint goes with the next message of records, or alone if nothing waits: again after 30 s,
    then at twice the interval each time, up to a day, on whatever connection, until a receipt names
    it. None goes while the office owes a receipt and is silent; rule 6 holds for them too.
11. What is wanted goes again by rule 1, with its key record. What is gone is answered at once. The
    same ranges are looked at once an hour.
12. The keepalive is halved, down to a minute, when a connection ends that had been silent for
    longer than it.
"""

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
    batch_bytes: int = 10_000
    silence_s: float = 30.0
    first_retry_s: float = 30.0
    longest_retry_s: float = 3600.0
    key_record_s: float = 3600.0
    wanted_s: float = 3600.0
    longest_reminder_s: float = 86_400.0
    status_s: float = 86_400.0
    first_reconnect_s: float = 1.0
    longest_reconnect_s: float = 900.0
    draw: Callable[[float, float], float] = random.uniform


PACE = Pace()
SHORTEST_KEEPALIVE_S = 60


def shorten_keepalive(keepalive_s: int, quiet_s: float) -> int:
    """The keepalive after a connection that had heard nothing for `quiet_s` when it ended."""
    if quiet_s < keepalive_s or keepalive_s <= SHORTEST_KEEPALIVE_S:
        return keepalive_s
    return max(SHORTEST_KEEPALIVE_S, keepalive_s // 2)


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
    """Messages that were sent and of which something is not receipted; true while there are any."""

    def __init__(self, pace: Pace) -> None:
        self.cursor = 0
        self._pace = pace
        self._messages: list[list[Span]] = []
        self._announced: set[bytes] = set()
        self._delay_s = pace.first_retry_s
        self._was_answered = True
        self._is_probing = False
        self._quiet_at = inf
        self._overtaken_at = inf
        self._patience_s = pace.first_retry_s
        self._overtaken: Span | None = None

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def again_at(self) -> float:
        """When something is to go again."""
        return min(self._quiet_at, self._overtaken_at)

    @property
    def has_room(self) -> bool:
        """Whether one more message may go."""
        return len(self._messages) < (1 if self._is_probing else self._pace.window)

    @property
    def is_silent(self) -> bool:
        """Whether the office owes a receipt, and something went in vain."""
        return self._is_probing or self._delay_s > self._pace.first_retry_s

    def start_over(self) -> None:
        """On a new connection: nothing of it is under way."""
        self._is_probing = not self._was_answered
        self.go_back()

    def go_back(self) -> None:
        """Begin with the oldest again, as nothing that went need have arrived."""
        self._messages.clear()
        self._announced.clear()
        self.cursor = 0
        self._quiet_at = self._overtaken_at = inf

    def announce(self, key_records: Mapping[bytes, bytes]) -> list[bytes]:
        """Those of the key records, by kid, that did not go yet; now they do."""
        new = key_records.keys() - self._announced
        self._announced |= new
        return [key_records[kid] for kid in new]

    def add(self, runs: Iterable[Run], cursor: int) -> None:
        """A message of these runs goes; the next one begins behind `cursor`."""
        spans = [Span(run.kid, run.first, run.first + len(run.sealed) - 1) for run in runs]
        self._messages.append(spans)
        self.cursor = cursor

    def sent(self, now: float) -> None:
        """A message went, for the first time or again."""
        self._was_answered = False
        self._quiet_at = now + self._delay_s

    def settle(self, stored: Mapping[bytes, Ranges], now: float) -> bool:
        """Take out what a receipt has named; whether that has ended a silence."""
        if not stored:
            return False
        was_silent = self.is_silent
        oldest = self._messages[:1]
        left = [
            [part for span in spans for part in span.without(stored.get(span.kid, ()))]
            for spans in self._messages
        ]
        self._messages = [spans for spans in left if spans]
        self._was_answered, self._is_probing = True, False
        self._delay_s = self._pace.first_retry_s
        if was_silent:
            self.go_back()
            return True
        self._quiet_at = now + self._delay_s if self._messages else inf
        if self._messages[:1] != oldest or not oldest:
            self._overtaken_at = inf
        elif self._overtaken_at == inf:
            self._overtaken_at = now + self._patience_s
        return False

    def expire(self, now: float) -> bool:
        """At `again_at`: whether only the oldest message goes again, as nothing was answered."""
        self._announced.clear()
        if self._was_answered or now >= self._overtaken_at:
            self._wait_longer(self._messages[0][0])
            self.go_back()
            return False
        self._delay_s = min(2 * self._delay_s, self._pace.longest_retry_s)
        self._quiet_at = now + self._delay_s
        return True

    def _wait_longer(self, overtaken: Span) -> None:
        """The same record that others overtake goes again later and later."""
        is_same = overtaken[:2] == (self._overtaken or ())[:2]
        longer_s = min(2 * self._patience_s, self._pace.longest_retry_s)
        self._patience_s = longer_s if is_same else self._pace.first_retry_s
        self._overtaken = overtaken
