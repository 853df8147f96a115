"""What is sent when: from the outbox to the broker, and released by the backend's receipts.

Records leave as they come, oldest first, at most a window of messages ahead of their receipts. A
PUBACK releases nothing; it only tells whether the broker took a message.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import NoReturn

from uplink.errors import BrokerRefused, BrokerUnreachable, SealError, WireError
from uplink.journal import Journal, Step, keep_no_journal
from uplink.mqtt import Broker, Connection, Message
from uplink.offers import PACE, Offers, Pace
from uplink.outbox import Batch, Outbox
from uplink.renewal import NoRenewal, Renewal
from uplink.seal import verify_receipt
from uplink.standing import Standing
from uplink.wire import Receipt, Run, encode_message, topic

INBOX_MESSAGES = 256  # a receipt that is pushed out comes again: its rows are sent again


@dataclass(frozen=True, slots=True)
class Route:
    """Where records go and whose receipts count, by the backend's Ed25519 keys of 32 bytes.

    The hub's id is the broker's client id; `software` is told in the status message.
    """

    broker: Broker
    receipt_keys: Sequence[bytes]
    prefix: str = "vitalpost"
    software: str = ""

    def topic(self, leaf: str) -> str:
        """The hub's topic for records, receipts or status."""
        return topic(self.prefix, self.broker.client_id, leaf)


class Forwarder:
    """Sends what the outbox holds for as long as `run` runs; `standing` tells how that goes."""

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        outbox: Outbox,
        route: Route,
        *,
        journal: Journal = keep_no_journal,
        pace: Pace = PACE,
        now: Callable[[], float] = time.monotonic,
        renewal: Renewal | None = None,
    ) -> None:
        self._wake = asyncio.Event()
        self.standing = Standing(pace.silence_s, self._wake.set)
        self._outbox = outbox
        self._route = route
        self._journal = journal
        self._pace = pace
        self._now = now
        self._renewal = renewal or NoRenewal()
        self._offers = Offers(pace)
        self._inbox: deque[Message] = deque(maxlen=INBOX_MESSAGES)
        self._announced: set[bytes] = set()
        self._key_record_at: dict[bytes, float] = {}
        self._waiting_since = now()
        self._said: tuple[bool, ...] = ()
        self._say_at = inf

    def new_rows(self) -> None:
        """Say that the outbox has more."""
        self._wake.set()

    async def run(self) -> NoReturn:
        """Connect, send and release until cancelled. Raises OutboxDamaged: then exit."""
        pace = self._pace
        ceiling_s = pace.first_reconnect_s
        while True:
            began, receipts = self._now(), self.standing.counts["receipts"]
            try:
                await self._connect()
            except (BrokerUnreachable, BrokerRefused) as trouble:
                self.standing.disconnected(trouble)
            lasted_s = self._now() - began
            if self.standing.counts["receipts"] > receipts or lasted_s > pace.longest_reconnect_s:
                ceiling_s = pace.first_reconnect_s
            await asyncio.sleep(pace.draw(0, ceiling_s))
            ceiling_s = min(2 * ceiling_s, pace.longest_reconnect_s)

    async def _connect(self) -> NoReturn:
        self._route = self._renewal.reroute(self._route)
        will = self._route.topic("status"), _json({"state": "gone"})
        link = await Connection.open(self._route.broker, self._hear, will)
        try:
            await link.subscribe(self._route.topic("receipts"))
            self.standing.connected()
            await self._serve(link)
            raise link.lost.result()
        finally:
            await link.close()

    def _hear(self, message: Message) -> None:
        self._inbox.append(message)
        self._wake.set()

    async def _serve(self, link: Connection) -> None:
        link.lost.add_done_callback(lambda _: self._wake.set())
        self._offers.start_over()
        self._announced.clear()
        self._said = ()
        while not link.lost.done():
            self._wake.clear()
            while self._inbox:
                await self._take(link, self._inbox.popleft())
            if self._now() >= self._offers.again_at:
                await self._offer_again(link)
            await self._fill(link)
            if self._now() >= self._renewal.ask_at:
                self._send(link, [self._renewal.ask(self._now())])
            self._say_status(link)
            await self._rest()

    async def _rest(self) -> None:
        wake_at = min(self._offers.again_at, self._say_at, self._renewal.ask_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(wake_at - self._now()):
                await self._wake.wait()

    async def _fill(self, link: Connection) -> None:
        while self._offers.has_room and not link.lost.done():
            batch = await self._peek(self._offers.cursor)
            if not batch.runs:
                break
            self._offers.add(batch.runs, batch.cursor)
            self._offer(link, batch)

    async def _offer_again(self, link: Connection) -> None:
        self._announced.clear()
        if self._offers.expire(self._now()):
            batch = await self._peek(0)
            if batch.runs:
                self._offer(link, batch)

    async def _peek(self, after: int) -> Batch:
        return await self._outbox.peek(after, self._pace.batch_records, self._pace.batch_bytes)

    def _offer(self, link: Connection, batch: Batch) -> None:
        new = batch.key_records.keys() - self._announced
        self._announced |= new
        self._send(link, [*(batch.key_records[kid] for kid in new), *batch.runs])
        self._offers.sent(self._now())
        if not self.standing.is_awaiting:
            self.standing.await_receipt(is_owed=True)

    def _send(self, link: Connection, items: Sequence[Run | bytes]) -> None:
        acknowledged = link.publish(self._route.topic("records"), encode_message(items))
        acknowledged.add_done_callback(self.standing.published)
        self.standing.counts["published"] += 1
        runs = [item for item in items if isinstance(item, Run)]
        self._journal(Step("published", _name_runs(runs)))

    async def _take(self, link: Connection, message: Message) -> None:
        if message.is_retained:
            self.standing.ignored("retained")
            return
        try:
            receipt = verify_receipt(message.payload, self._route.receipt_keys)
        except WireError:
            if self._renewal.take(message.payload):
                self._route = self._renewal.reroute(self._route)
            else:
                self.standing.ignored("malformed")
        except SealError:
            self.standing.ignored("forged")
        else:
            if receipt.hub == self._route.broker.client_id:
                await self._apply(link, receipt)
            else:
                self.standing.ignored("foreign")

    async def _apply(self, link: Connection, receipt: Receipt) -> None:
        self._journal(Step("receipted", receipt.stored))
        self.standing.receipted(receipt.utc_ms)
        released = await self._outbox.release(receipt.stored)
        if released.never_assigned:
            self.standing.ignored("never-assigned", released.never_assigned)
        self.standing.counts["released"] += released.rows
        self._waiting_since = self._now()
        self._offers.settle(released.ranges, self._now())
        for kid, sequence, reason in receipt.refused:
            if await self._outbox.refuse(kid, sequence, reason):
                self._offers.settle({kid: [(sequence, sequence)]}, self._now())
                self.standing.refused(kid, sequence, reason)
        for kid in receipt.unknown:
            await self._send_key_record(link, kid)
        self.standing.await_receipt(is_owed=bool(self._offers))

    async def _send_key_record(self, link: Connection, kid: bytes) -> None:
        key_record = await self._outbox.forget_known(kid)
        if key_record and self._now() >= self._key_record_at.get(kid, -inf):
            self._key_record_at[kid] = self._now() + self._pace.key_record_s
            self._send(link, [key_record])

    def _say_status(self, link: Connection) -> None:
        """Publish the retained status after connecting, on a change of class, else daily."""
        if not self._outbox.depth:
            self._waiting_since = self._now()
        standing, quarantined = self.standing, self._outbox.quarantined
        to_say = (standing.is_office_silent, bool(standing.refusal), bool(quarantined))
        if to_say == self._said and self._now() < self._say_at:
            return
        self._said, self._say_at = to_say, self._now() + self._pace.status_s
        status = {
            "state": "connected",
            "software": self._route.software,
            "depth": self._outbox.depth,
            "waiting_s": round(self._now() - self._waiting_since),
            "quarantined": quarantined,
            "office_silent": standing.is_office_silent,
            "last_receipt_ms": standing.last_receipt_ms,
        }
        link.publish(self._route.topic("status"), _json(status), is_retained=True)


def _name_runs(runs: Iterable[Run]) -> dict[bytes, list[tuple[int, int]]]:
    names: dict[bytes, list[tuple[int, int]]] = {}
    for run in runs:
        names.setdefault(run.kid, []).append((run.first, run.first + len(run.sealed) - 1))
    return names


def _json(status: object) -> bytes:
    return json.dumps(status, separators=(",", ":")).encode()
