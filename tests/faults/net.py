"""Broker, network and office of a virtual home: real intake, and every way to lose a message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

from backend.errors import BackendError
from backend.intake.messages import Intake
from simulator.history import Step
from tests.faults.world import Note
from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.mqtt import Message

NOBODY = 0x10
NOT_AUTHORIZED = 0x87
LATENCY_S = (0.05, 3.0)
BUSY_S = (0.0, 6.0)
LATE_S = (60.0, 12 * 3600.0)
SILENT_LINK_S = 1800.0  # until keepalive or the kernel gives up
KEPT_RECEIPTS = 50


class Net:
    """Between one hub and the office. What is switched off by name stays off until switched on."""

    def __init__(self, dice: Random, intake: Intake, note: Note) -> None:
        self.is_up = True  # the hub's network, or the broker
        self.is_office_up = True
        self.is_refusing = False
        self.fates: Counter[str] = Counter()
        self._dice = dice
        self._intake = intake
        self._note = note
        self._link: Link | None = None
        self._waiting: list[tuple[str, bytes]] = []  # at the broker, for the office
        self._taken: list[tuple[str, bytes]] = []  # by the worker
        self._receipts: list[bytes] = []

    async def connect(self, _broker, hear: Callable[[Message], None], _will) -> Link:
        await asyncio.sleep(self._dice.uniform(*LATENCY_S))
        if not self.is_up:
            raise BrokerUnreachable("broker:8883")
        if self._link:
            self._link.end("taken over")
        self._link = Link(self, self._dice, hear)
        return self._link

    def cut(self) -> None:
        """The network goes, or the broker does."""
        self.is_up = False
        if self._link:
            self._link.end("cut")

    def hang_up(self) -> None:
        """The hub's process is gone."""
        if self._link:
            self._link.end("killed")
            self._link = None

    def empty(self) -> None:
        """The broker comes back and knows nothing of before."""
        self._waiting.clear()
        if self._link:
            self._link.end("restarted")

    def open_office(self) -> None:
        """The office is back and takes what the broker kept for it."""
        self.is_office_up = True
        waiting, self._waiting = self._waiting, []
        for topic, payload in waiting:
            self.arrive(topic, payload)

    def arrive(self, topic: str, payload: bytes) -> None:
        """A message is at the broker."""
        if self.is_office_up:
            self._later(LATENCY_S, self._take, topic, payload)
        else:
            self._waiting.append((topic, payload))

    def happens(self, fate: str, probability: float) -> bool:
        """Whether it does; counted."""
        does = self._dice.random() < probability
        self.fates[fate] += does
        return does

    def _take(self, topic: str, payload: bytes) -> None:
        if not self.is_office_up:
            self._waiting.append((topic, payload))
            return
        if self.happens("message lost", 0.02):
            return
        if self.happens("message twice", 0.03):
            self._later(LATE_S, self.arrive, topic, payload)
        if self.happens("message late", 0.02):
            self._later(LATE_S, self.arrive, topic, payload)
            return
        if not self._taken:
            self._later(BUSY_S, self._take_all)
        self._taken.append((topic, payload))

    def _take_all(self) -> None:
        """What has come while the worker was busy goes into one transaction, as in its own run."""
        messages, self._taken = self._taken, []
        if not self.is_office_up:
            self._waiting += messages
            return
        try:
            replies = self._intake.take_many(messages)
        except BackendError as error:
            raise RuntimeError(str(error)) from error
        told = [reply for reply in replies if reply.receipt]
        stored = [
            {kid.hex(): ranges for kid, ranges in reply.receipt.stored.items()} for reply in told
        ]
        for each in stored:
            self._note(Step("worker", "committed", each))
        if told and self.happens("worker killed after its commit", 0.03):
            for message in messages:
                self.arrive(*message)
            return
        for each, reply in zip(stored, told, strict=True):
            self._note(Step("worker", "published", each))
            self._receipts = [*self._receipts[-KEPT_RECEIPTS:], reply.signed]
            self._send_receipt(reply.signed)

    def _send_receipt(self, signed: bytes) -> None:
        if self.happens("receipt lost", 0.03):
            return
        when = LATE_S if self.happens("receipt late", 0.02) else LATENCY_S
        self._later(when, self._deliver, signed, False)
        if self.happens("receipt twice", 0.03):
            self._later(LATE_S, self._deliver, signed, False)
        if self.happens("receipt retained", 0.02):
            self._later(LATE_S, self._deliver, self._dice.choice(self._receipts), True)
        if self.happens("receipt forged", 0.02):
            at = self._dice.randrange(len(signed))
            forged = signed[:at] + bytes([signed[at] ^ 1 << self._dice.randrange(8)])
            self._later(LATENCY_S, self._deliver, forged + signed[at + 1 :], False)

    def _deliver(self, signed: bytes, is_retained: bool) -> None:
        if self._link and self.is_up:
            self._link.hear(Message("receipts", signed, is_retained))

    def _later(self, between: tuple[float, float], what: Callable, *args: object) -> None:
        asyncio.get_running_loop().call_later(self._dice.uniform(*between), what, *args)


class Link:
    """What a forwarder has of a connection; after `end` nothing goes either way."""

    quiet_s = 0.0

    def __init__(self, net: Net, dice: Random, hear: Callable[[Message], None]) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._net = net
        self._dice = dice
        self._hear = hear
        self._answers: set[asyncio.Future[int]] = set()
        self._is_silent = False

    def hear(self, message: Message) -> None:
        if not self._is_silent and not self.lost.done():
            self._hear(message)

    def end(self, why: str) -> None:
        for answer in self._answers:
            answer.cancel()
        if not self.lost.done():
            self.lost.set_result(BrokerUnreachable("broker:8883", why))

    async def subscribe(self, _topic: str) -> None:
        await asyncio.sleep(self._dice.uniform(*LATENCY_S))
        if self.lost.done():
            raise self.lost.result()
        if self._net.is_refusing:
            raise BrokerRefused(NOT_AUTHORIZED, "subscription")

    def publish(
        self, topic: str, payload: bytes, *, is_retained: bool = False
    ) -> asyncio.Future[int]:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        if not self._is_silent and self._net.happens("link silent", 0.01):
            self._is_silent = True
            asyncio.get_running_loop().call_later(SILENT_LINK_S, self.end, "silent")
        if not self._is_silent:
            wait_s = self._dice.uniform(*LATENCY_S)
            asyncio.get_running_loop().call_later(wait_s, self._arrive, topic, payload, answer)
        return answer

    async def close(self) -> None:
        self.end("closed")

    def _arrive(self, topic: str, payload: bytes, answer: asyncio.Future[int]) -> None:
        if self.lost.done() or answer.done():
            return
        if self._net.is_refusing:
            answer.set_result(NOT_AUTHORIZED)
        elif self._net.happens("cut before the PUBACK", 0.02):
            self._net.arrive(topic, payload)
            self.end("cut")
        elif not self._net.is_office_up and self._net.happens("nobody subscribed", 0.1):
            answer.set_result(NOBODY)
        else:
            answer.set_result(0)
            if topic.endswith("/records"):
                self._net.arrive(topic, payload)
