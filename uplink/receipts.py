"""Receipts and what they do: to the rows on flash, to what is under way, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from uplink.errors import SealError, WireError
from uplink.journal import Journal, Step
from uplink.mqtt import Message
from uplink.offers import Offers, Pace
from uplink.outbox import Outbox
from uplink.reminders import Reminders
from uplink.seal import verify_receipt
from uplink.standing import Standing
from uplink.wire import Ranges, Receipt
from uplink.witness import Witness


@dataclass(frozen=True, slots=True)
class Underway:
    """What was sent and is not settled."""

    offers: Offers
    reminders: Reminders


class Receipts:
    """Takes what comes in on the receipts topic, signed by one of the `receipt_keys`.

    `take_other` is shown what is no receipt, and says whether it could use it.

    What is `wanted` counts only in the newest receipt, and the same ranges of an epoch once an
    hour, as key records do: an answer may still be on its way. The newest is the one of the latest
    time, by the backend's clock; or one that names what waited, which nobody could sign before it
    was sent: a clock that was far ahead once is forgotten by that.
    """

    def __init__(  # noqa: PLR0913  one for each thing it acts on
        self,
        outbox: Outbox,
        witness: Witness,
        standing: Standing,
        underway: Underway,
        *,
        receipt_keys: Sequence[bytes],
        take_other: Callable[[bytes], bool],
        journal: Journal,
        pace: Pace,
        now: Callable[[], float],
        on_receipt: Callable[[Receipt], None] = lambda _: None,
    ) -> None:
        self._outbox = outbox
        self._witness = witness
        self.receipt_keys = receipt_keys
        self._take_other = take_other
        self._standing = standing
        self._underway = underway
        self._journal = journal
        self._pace = pace
        self._now = now
        self._on_receipt = on_receipt
        self._newest_ms = -1
        self._key_record_at: dict[bytes, float] = {}
        self._wanted: dict[bytes, tuple[Ranges, float]] = {}

    async def take(self, message: Message) -> list[bytes]:
        """Act on a message; the statements that go back at once."""
        receipt = self._read(message)
        if not receipt:
            return []
        self._journal(Step("receipted", receipt.stored))
        self._standing.receipted(receipt.utc_ms)
        self._on_receipt(receipt)
        is_newest = await self._settle(receipt) or receipt.utc_ms > self._newest_ms
        if is_newest:
            self._newest_ms = receipt.utc_ms
        answers = [await self._find_key_record(kid) for kid in receipt.unknown]
        if receipt.wanted and is_newest:
            answers.append(await self._want(receipt.wanted))
        elif receipt.wanted:
            self._standing.counts["wanted-before"] += 1
        self._standing.await_receipt(is_owed=bool(self._underway.offers))
        return [answer for answer in answers if answer]

    def _read(self, message: Message) -> Receipt | None:
        if message.is_retained:
            self._standing.ignored("retained")
            return None
        try:
            receipt = verify_receipt(message.payload, self.receipt_keys)
        except WireError:
            if not self._take_other(message.payload):
                self._standing.ignored("malformed")
        except SealError:
            self._standing.ignored("forged")
        else:
            if receipt.hub == self._witness.hub:
                return receipt
            self._standing.ignored("foreign")
        return None

    async def _settle(self, receipt: Receipt) -> bool:
        """Whether it released what waited."""
        offers, reminders = self._underway.offers, self._underway.reminders
        released = await self._outbox.release(receipt.stored, receipt.utc_ms)
        self._note_never_assigned(released.never_assigned)
        self._standing.counts["released"] += released.rows
        if offers.settle(released.ranges, self._now()):
            reminders.start_over()
        for kid, sequence, reason in receipt.refused:
            if await self._outbox.refuse(kid, sequence, reason):
                offers.settle({kid: [(sequence, sequence)]}, self._now())
                self._standing.refused(kid, sequence, reason)
        for kid, signed in list(reminders.settle(receipt.checked)):
            await self._outbox.settle_checkpoint(kid, signed)
        return released.rows > 0

    async def _find_key_record(self, kid: bytes) -> bytes:
        key_record = await self._outbox.forget_known(kid)
        if not key_record or self._now() < self._key_record_at.get(kid, -inf):
            return b""
        self._key_record_at[kid] = self._now() + self._pace.key_record_s
        return key_record

    async def _want(self, wanted: Mapping[bytes, Ranges]) -> bytes:
        now = self._now()
        self._wanted = {kid: each for kid, each in self._wanted.items() if each[1] > now}
        new = {
            kid: ranges
            for kid, ranges in wanted.items()
            if self._wanted.get(kid, ((), now))[0] != ranges
        }
        self._wanted |= {kid: (ranges, now + self._pace.wanted_s) for kid, ranges in new.items()}
        found = await self._outbox.want(new)
        self._note_never_assigned(found.never_assigned)
        self._standing.counts["wanted"] += found.rows
        if found.rows:
            self._underway.offers.go_back()
        if not found.gone:
            return b""
        self._standing.gone(found.gone)
        return self._witness.say_gone(found.gone)

    def _note_never_assigned(self, count: int) -> None:
        if count:
            self._standing.ignored("never-assigned", count)
