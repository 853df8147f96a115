"""Checkpoints on their way: each goes, and again later and later, until a receipt names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import inf

from uplink.checkpoints import Signed
from uplink.offers import Pace

MOST_IN_MESSAGE = 16


@dataclass(slots=True)
class _Sent:
    signed: Signed
    again_at: float
    delay_s: float


class Reminders:
    """What went of each epoch and when it goes again.

    No receipt is owed for one, as a backend need not keep checkpoints; so nothing else depends on
    it. A newer one of an epoch waits until the one before is named or would go again: a receipt
    says how far the kept one goes and not how the epoch ended, and the two may go equally far.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._sent: dict[bytes, _Sent] = {}

    def due(self, checkpoints: Mapping[bytes, Signed], now: float) -> dict[bytes, Signed]:
        """What is to go with the next message, of all that the backend is to have."""
        for kid in self._sent.keys() - checkpoints.keys():
            del self._sent[kid]
        due = ((kid, signed) for kid, signed in checkpoints.items() if self._at(kid) <= now)
        return dict(islice(due, MOST_IN_MESSAGE))

    def next_at(self, checkpoints: Mapping[bytes, Signed]) -> float:
        """When something is due next."""
        return min((self._at(kid) for kid in checkpoints), default=inf)

    def sent(self, due: Mapping[bytes, Signed], now: float) -> None:
        """These went."""
        for kid, signed in due.items():
            before = self._sent.get(kid)
            delay_s = self._pace.first_retry_s
            if before:
                delay_s = min(2 * before.delay_s, self._pace.longest_reminder_s)
            self._sent[kid] = _Sent(signed, now + delay_s, delay_s)

    def settle(self, checked: Mapping[bytes, int]) -> Iterator[tuple[bytes, Signed]]:
        """Those that went and that a receipt names; whatever is newer may go at once."""
        for kid, last in checked.items():
            sent = self._sent.get(kid)
            if sent and sent.signed.last_sequence <= last:
                del self._sent[kid]
                yield kid, sent.signed

    def start_over(self) -> None:
        """Nothing need have arrived: all may go at once."""
        self._sent.clear()

    def _at(self, kid: bytes) -> float:
        sent = self._sent.get(kid)
        return sent.again_at if sent else -inf
