"""Three days without a backend, by a hand clock: what a hub sends, counted."""

import asyncio
from functools import partial
from itertools import pairwise

import pytest

from tests.uplink.test_outbox import KEY_RECORD, KID, rows
from uplink.checkpoints import Signed
from uplink.forwarder import Forwarder
from uplink.keys import Signer
from uplink.mqtt import Broker, Message
from uplink.outbox import Outbox
from uplink.route import Route
from uplink.seal import sign_receipt, sign_statement
from uplink.wire import Receipt, decode_message
from uplink.witness import Witness

HUB = "hub-1"
MINUTE, DAY = 60.0, 86_400.0
OFFERS = 80
SIGNER = Signer.generate()


class ScriptIsOver(Exception):
    pass


class HandTime:
    """Jumps to what comes first: what the forwarder waits for, or the next act of the script."""

    def __init__(self):
        self.now_s = 0.0
        self.script = []

    def now(self):
        return self.now_s

    async def wait(self, event, seconds):
        if event.is_set():
            return
        if not self.script:
            raise ScriptIsOver
        at, act = self.script[0]
        self.now_s += seconds
        if at <= self.now_s:
            self.now_s = max(at, self.now_s - seconds)
            self.script.pop(0)
            await act()


class Link:
    """A connection to a broker that takes everything; `sent` has (time, topic, payload)."""

    def __init__(self, now):
        self.lost = asyncio.get_running_loop().create_future()
        self.sent = []
        self._now = now

    def publish(self, topic, payload, *, is_retained=False):
        self.sent.append((self._now(), topic.rpartition("/")[2], payload))
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(0x10)
        return acknowledged

    def records(self):
        return [payload for _, leaf, payload in self.sent if leaf == "records"]


@pytest.fixture
async def stand(tmp_path):
    class Stand:
        def __init__(self, outbox):
            self.time = HandTime()
            self.outbox = outbox
            self.link = Link(self.time.now)
            self.last = 0
            self.forwarder = Forwarder(
                outbox,
                Route(Broker("localhost", 1, HUB, None), [SIGNER.public()]),
                Witness(HUB, partial(sign_statement, signer=SIGNER), lambda: 0),
                now=self.time.now,
                wait=self.time.wait,
            )

        def at(self, seconds, act):
            self.time.script.append((seconds, act))
            self.time.script.sort(key=lambda each: each[0])

        async def measure(self):
            self.last += 1
            await self.outbox.append(KID, rows(self.last, self.last))
            self.forwarder.new_rows()

        async def say(self, receipt):
            data = sign_receipt(receipt, SIGNER)
            self.forwarder._hear(Message("", data, is_retained=False))

        async def serve(self, until):
            async def nothing():
                pass

            self.at(until, nothing)
            with pytest.raises(ScriptIsOver):
                await self.forwarder._serve(self.link)

        def reconnect(self):
            async def lose():
                self.link.lost.set_result(None)

            return lose

    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=1 << 24)
    await outbox.begin_epoch(KID, KEY_RECORD)
    yield Stand(outbox)
    await outbox.close()


def runs(payload):
    """(first, last) of the records in a message."""
    items = decode_message(payload).items
    return [(i.first, i.first + len(i.sealed) - 1) for i in items if not isinstance(i, bytes)]


async def test_three_days_without_a_backend_cost_a_window_and_eighty_offers_of_a_record(stand):
    for number in range(3 * 80):
        stand.at(number * 18 * MINUTE, stand.measure)
    await stand.serve(3 * DAY)
    sent = stand.link.records()
    first_copies = [payload for payload in sent if runs(payload)[0][0] > 1]
    offers = [payload for payload in sent if runs(payload)[0][0] == 1]
    assert len(first_copies) == 15
    assert len(offers) <= OFFERS
    assert {runs(payload)[0] for payload in offers} == {(1, 1)}
    assert max(map(len, offers)) < 2000  # a key record and a record
    gaps = [at for at, leaf, payload in stand.link.sent if leaf == "records" and payload in offers]
    assert gaps[-1] - gaps[-2] == 3600

    await stand.say(Receipt(HUB, 1, {KID: [runs(offers[-1])[0]]}))
    before = len(sent)
    await stand.serve(3 * DAY + 1)
    rest = [span for payload in stand.link.records()[before:] for span in runs(payload)]
    assert rest[0][0] == runs(offers[-1])[0][1] + 1
    assert rest[-1][1] == 240
    assert sum(last - first + 1 for first, last in rest) == 240 - rest[0][0] + 1


async def test_a_backlog_sealed_before_the_outage_is_sent_once(stand):
    for first in range(1, 3001, 100):
        await stand.outbox.append(KID, rows(first, first + 99))
    await stand.serve(3 * DAY)
    sent = stand.link.records()
    assert len(sent) == 16 + 77
    assert sum(map(len, sent)) <= 16 * max(map(len, sent)) + OFFERS * 2000


async def test_a_lone_checkpoint_reminds_a_silent_backend_ever_more_rarely(stand):
    await stand.outbox.end_epoch(KID, Signed(0, b"statement"))
    await stand.serve(30 * DAY)
    at = [time for time, leaf, _ in stand.link.sent if leaf == "records"]
    assert at[:4] == [0, 30, 90, 210]
    assert at[-1] - at[-2] == DAY
    assert len(at) < 45


async def test_what_overtakes_a_record_that_never_is_receipted_does_not_hide_it(stand):
    async def answer():
        if stand.last > 1:
            await stand.say(Receipt(HUB, int(stand.time.now_s), {KID: [(2, stand.last)]}))

    for number in range(1, 1500):
        stand.at(number * 10.0, stand.measure)
        stand.at(number * 10.0 + 1, answer)
    await stand.serve(15_000)
    again = [
        at
        for at, leaf, payload in stand.link.sent
        if leaf == "records" and runs(payload)[0][0] == 1
    ]
    assert again[1] - again[0] <= 50
    waits = [later - earlier for earlier, later in pairwise(again)]
    assert 3600 <= waits[-1] <= 3700
    assert len(again) < 25
