"""What is sent when: from the outbox to the broker, and released by the backend's receipts.

The rules are those of uplink/offers.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import NoReturn

from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.journal import Journal, Step, keep_no_journal
from uplink.mqtt import Broker, Connection, Message
from uplink.offers import PACE, Offers, Pace, shorten_keepalive
from uplink.outbox import Batch, Outbox
from uplink.receipts import Receipts, Underway
from uplink.reminders import Reminders
from uplink.renewal import NoRenewal, Renewal
from uplink.route import Route
from uplink.standing import Standing
from uplink.status import GONE, Health, describe
from uplink.wire import Receipt, Run, encode_message
from uplink.witness import Witness

INBOX_MESSAGES = 256  # a receipt that is pushed out comes again: its rows are sent again


Connect = Callable[[Broker, Callable[[Message], None], tuple[str, bytes]], Awaitable[Connection]]


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class Forwarder:
    """Sends what the outbox holds for as long as `run` runs; `standing` tells how that goes."""

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        outbox: Outbox,
        route: Route,
        witness: Witness,
        *,
        journal: Journal = keep_no_journal,
        pace: Pace = PACE,
        now: Callable[[], float] = time.monotonic,
        connect: Connect = Connection.open,
        wait: Callable[[asyncio.Event, float], Awaitable[None]] = wait_for,
        renewal: Renewal | None = None,
        on_receipt: Callable[[Receipt], None] = lambda _: None,
        tell_health: Callable[[], Health] = Health,
    ) -> None:
        self._wake = asyncio.Event()
        self.standing = Standing(pace.silence_s, self._wake.set)
        self._outbox = outbox
        self._route = route
        self._keepalive_s = route.broker.keepalive_s
        self._journal = journal
        self._pace = pace
        self._now = now
        self._open = connect
        self._wait = wait
        self._renewal = renewal or NoRenewal()
        self._tell_health = tell_health
        self._offers = Offers(pace)
        self._reminders = Reminders(pace)
        self._receipts = Receipts(
            outbox,
            witness,
            self.standing,
            Underway(self._offers, self._reminders),
            receipt_keys=route.receipt_keys,
            take_other=self._take_answer,
            journal=journal,
            pace=pace,
            now=now,
            on_receipt=on_receipt,
        )
        self._inbox: deque[Message] = deque(maxlen=INBOX_MESSAGES)
        self._said: tuple[bool, ...] = ()
        self._say_at = inf
        self._has_old_rows = False

    def new_rows(self) -> None:
        """Say that the outbox has more."""
        self._wake.set()

    def news(self) -> None:
        """Say that the hub's health has become another."""
        self._wake.set()

    def old_rows(self) -> None:
        """Say that rows of the outbox wait again, which went before."""
        self._has_old_rows = True
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
        self._take_route(self._renewal.reroute(self._route))
        will = self._route.topic("status"), GONE
        broker = replace(self._route.broker, keepalive_s=self._keepalive_s)
        link = await self._open(broker, self._hear, will)
        try:
            await link.subscribe(self._route.topic("receipts"))
            self.standing.connected()
            await self._serve(link)
            self._keepalive_s = shorten_keepalive(self._keepalive_s, link.quiet_s)
            raise link.lost.result()
        finally:
            await link.close()

    def _take_answer(self, payload: bytes) -> bool:
        is_answer = self._renewal.take(payload)
        if is_answer:
            self._take_route(self._renewal.reroute(self._route))
        return is_answer

    def _take_route(self, route: Route) -> None:
        self._route = route
        self._receipts.receipt_keys = route.receipt_keys

    def _hear(self, message: Message) -> None:
        self._inbox.append(message)
        self._wake.set()

    async def _serve(self, link: Connection) -> None:
        link.lost.add_done_callback(lambda _: self._wake.set())
        self._offers.start_over()
        self._said = ()
        while not link.lost.done():
            self._wake.clear()
            while self._inbox:
                if answers := await self._receipts.take(self._inbox.popleft()):
                    self._send(link, answers)
            if self._has_old_rows:
                self._has_old_rows = False
                self._offers.go_back()
            if self._now() >= self._offers.again_at:
                await self._offer_again(link)
            await self._fill(link)
            if self._now() >= self._renewal.ask_at:
                self._send(link, [self._renewal.ask(self._now())])
            await self._say_status(link)
            await self._wait(self._wake, self._wake_at() - self._now())

    def _wake_at(self) -> float:
        wake_at = min(self._offers.again_at, self._say_at, self._renewal.ask_at)
        if self._may_remind:
            wake_at = min(wake_at, self._reminders.next_at(self._outbox.checkpoints))
        return wake_at

    @property
    def _may_remind(self) -> bool:
        return self._offers.has_room and not (self._offers and self._offers.is_silent)

    async def _fill(self, link: Connection) -> None:
        while self._offers.has_room and not link.lost.done():
            batch = await self._peek(self._offers.cursor)
            if not self._offer(link, batch):
                break

    async def _offer_again(self, link: Connection) -> None:
        if self._offers.expire(self._now()):
            oldest = await self._outbox.peek(0, 1, self._pace.batch_bytes)
            self._send_batch(link, oldest, [])

    async def _peek(self, after: int) -> Batch:
        return await self._outbox.peek(after, self._pace.batch_records, self._pace.batch_bytes)

    def _offer(self, link: Connection, batch: Batch) -> bool:
        """Send the batch and what is due beside it; False where there was nothing."""
        now = self._now()
        due = self._reminders.due(self._outbox.checkpoints, now) if self._may_remind else {}
        checkpoints = [signed.statement for signed in due.values()]
        self._reminders.sent(due, now)
        if batch.runs:
            self._offers.add(batch.runs, batch.cursor)
            self._send_batch(link, batch, checkpoints)
        elif checkpoints:
            self._send(link, checkpoints)
        return bool(batch.runs or checkpoints)

    def _send_batch(self, link: Connection, batch: Batch, beside: Sequence[bytes]) -> None:
        if not batch.runs:
            return
        self._send(link, [*self._offers.announce(batch.key_records), *beside, *batch.runs])
        self._offers.sent(self._now())
        if not self.standing.is_awaiting:
            self.standing.await_receipt(is_owed=True)

    def _send(self, link: Connection, items: Sequence[Run | bytes]) -> None:
        acknowledged = link.publish(self._route.topic("records"), encode_message(items))
        acknowledged.add_done_callback(self.standing.published)
        self.standing.counts["published"] += 1
        runs = [item for item in items if isinstance(item, Run)]
        self._journal(Step("published", _name_runs(runs)))

    async def _say_status(self, link: Connection) -> None:
        """Publish the retained status after connecting, on a change of class, else daily."""
        if self._grade(self._tell_health()) == self._said and self._now() < self._say_at:
            return
        stats = await self._outbox.stats()
        health = self._tell_health()
        self._said = self._grade(health)  # meanwhile it may have become another
        self._say_at = self._now() + self._pace.status_s
        status = describe(self.standing, stats, self._route.software, health)
        link.publish(self._route.topic("status"), status, is_retained=True)

    def _grade(self, health: Health) -> tuple[bool, ...]:
        """What the office is told at once when it changes."""
        return (
            self.standing.is_office_silent,
            bool(self.standing.refusal),
            bool(self._outbox.quarantined),
            *health.grade,
        )


def _name_runs(runs: Iterable[Run]) -> dict[bytes, list[tuple[int, int]]]:
    names: dict[bytes, list[tuple[int, int]]] = {}
    for run in runs:
        names.setdefault(run.kid, []).append((run.first, run.first + len(run.sealed) - 1))
    return names
