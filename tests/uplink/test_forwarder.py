import asyncio
import json
import ssl
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from tests.fakes.steps import Steps
from uplink.forwarder import Forwarder, Pace
from uplink.keys import X25519, OpeningKey, Signer
from uplink.mqtt import Broker, Connection
from uplink.outbox import Outbox
from uplink.records import EpochStart
from uplink.route import Route
from uplink.seal import (
    open_epoch,
    sign_receipt,
    sign_statement,
    verify_statement,
)
from uplink.statements import Ending, KeyRecord
from uplink.status import Health
from uplink.tls import tls_context
from uplink.wire import Receipt, Refusal, decode_message, encode_message
from uplink.witness import Witness

NOW = 1_790_000_000_000

HUB = "hub-1"
RECORDS, RECEIPTS, STATUS = (
    f"vitalpost/v1/{HUB}/{leaf}" for leaf in ("records", "receipts", "status")
)
START = EpochStart(bytes(16), 0, 0, 0, "vitalpost 0")
SOON = Pace(silence_s=0.3, first_retry_s=0.3, longest_reconnect_s=0.2, first_reconnect_s=0.05)
DEADLINE_S = 20


class Office:
    """What the backend is to a hub: opens what arrives, and receipts it while it `answers`."""

    def __init__(self, broker):
        self.broker = broker
        self.signer = Signer.generate()
        self.hub_signer = Signer.generate()
        self.opening_key = OpeningKey.generate(X25519)
        self.answers = True
        self.checks = False
        self.messages = []
        self.parked = []
        self.keys = {}
        self.ledger = {}
        self.statuses = []
        self.statements = []
        self._changed = asyncio.Event()

    async def open(self):
        self.link = await Connection.open(self.broker, self._hear)
        await self.link.subscribe("vitalpost/v1/+/records")
        await self.link.subscribe("vitalpost/v1/+/status")
        return self

    async def close(self):
        await self.link.close()

    async def until(self, is_so):
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def until_told(self, **facts):
        """The newest status says so."""

        def is_told():
            if not self.statuses:
                return False
            return facts.items() <= json.loads(self.statuses[-1].payload).items()

        await self.until(is_told)

    async def say(self, receipt, signer=None, *, is_retained=False):
        data = (
            receipt if isinstance(receipt, bytes) else sign_receipt(receipt, signer or self.signer)
        )
        await self.link.publish(RECEIPTS, data, is_retained=is_retained)

    def receipt(self, runs):
        stored, unknown = {}, []
        for run in runs:
            if run.kid not in self.keys:
                unknown.append(run.kid)
                self.parked.append(run)
                continue
            key = self.keys[run.kid]
            for sequence, sealed in enumerate(run.sealed, run.first):
                self.ledger[run.kid, sequence] = key.open(sequence, sealed)
            stored.setdefault(run.kid, []).append((run.first, run.first + len(run.sealed) - 1))
        return Receipt(HUB, NOW, stored, unknown=unknown)

    def _hear(self, message):
        if message.topic == STATUS:
            self.statuses.append(message)
        else:
            self._read(decode_message(message.payload).items)
        self._changed.set()

    def _read(self, items):
        self.messages.append(items)
        runs = [item for item in items if not isinstance(item, bytes)]
        checked = {}
        for data in items:
            if isinstance(data, bytes):
                record = verify_statement(data, [self.hub_signer.public()])
                if not isinstance(record, KeyRecord):
                    self.statements.append(record)
                    if self.checks:
                        checked[record.kid] = record.last_sequence
                    continue
                self.keys[record.kid] = self.opening_key.open_key(record)
                runs += self.parked
                self.parked = []
        if self.answers:
            receipt = replace(self.receipt(runs), checked=checked)
            self.link.publish(RECEIPTS, sign_receipt(receipt, self.signer))


class Hub:
    """A real outbox and a forwarder; `measure` seals and keeps readings."""

    def __init__(self, outbox, office, broker, pace, steps, **route):
        self.outbox = outbox
        self.office = office
        self.written = {}
        self.marks = 1_000
        self.health = Health()
        self.witness = Witness(HUB, partial(sign_statement, signer=office.hub_signer), lambda: NOW)
        self.forwarder = Forwarder(
            outbox,
            Route(broker, [office.signer.public()], software="vitalpost 0", **route),
            self.witness,
            journal=steps.note,
            pace=pace,
            tell_health=lambda: self.health,
        )
        self.standing = self.forwarder.standing
        self.counts = self.standing.counts

    async def begin_epoch(self):
        self.epoch, key_record = open_epoch(
            HUB, self.office.hub_signer, self.office.opening_key.public(), START
        )
        await self.outbox.begin_epoch(self.epoch.kid, key_record)
        return self.epoch.kid

    async def measure(self, readings=1):
        plaintexts = [b"reading %d" % number + bytes(70) for number in range(readings)]
        rows = [self.epoch.seal(plaintext) for plaintext in plaintexts]
        await self.outbox.append(self.epoch.kid, rows)
        for (sequence, _), plaintext in zip(rows, plaintexts, strict=True):
            self.written[self.epoch.kid, sequence] = plaintext
        self.forwarder.new_rows()

    async def until(self, is_so):
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():  # noqa: ASYNC110  a condition, of which the forwarder tells nobody
                await asyncio.sleep(0.002)

    async def until_delivered(self):
        await self.until(lambda: self.counts["released"] == len(self.written))
        assert self.outbox.depth == 0
        assert self.office.ledger == self.written

    async def until_released(self, rows):
        await self.until(lambda: self.counts["released"] == rows)

    async def settled(self):
        """All that the office said so far has been looked at."""
        self.marks += 1
        await self.office.say(Receipt(HUB, self.marks))
        await self.until(lambda: self.standing.last_receipt_ms == self.marks)


@pytest.fixture
async def stand(tmp_path, broker, authority):
    class Stand:
        def __init__(self):
            self.broker = broker
            self.steps = Steps()

        def as_client(self, name):
            tls = tls_context(authority.certificate, *authority.issue(name))
            return Broker(broker.host, broker.port, name, tls)

        async def office(self):
            office = await Office(self.as_client("backend")).open()
            stack.push_async_callback(office.close)
            return office

        async def hub(self, office, pace=SOON, is_running=True, kind=Outbox, **route):
            outbox = await kind.open(
                tmp_path / "outbox.db", quota_bytes=1 << 24, journal=self.steps.note
            )
            stack.push_async_callback(outbox.close)
            hub = Hub(outbox, office, self.as_client(HUB), pace, self.steps, **route)
            await hub.begin_epoch()
            if is_running:
                self.start(hub)
            return hub

        def start(self, hub):
            task = asyncio.create_task(hub.forwarder.run())
            stack.push_async_callback(ended, task)
            return task

    async with AsyncExitStack() as stack:
        yield Stand()


async def ended(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def shape(items):
    """A message as ("key", …) and (first, last) of its runs."""
    return [
        "key" if isinstance(item, bytes) else (item.first, item.first + len(item.sealed) - 1)
        for item in items
    ]


async def test_a_lone_reading_leaves_at_once_and_its_receipt_releases_it(stand):
    office = await stand.office()
    hub = await stand.hub(office)
    await hub.until(lambda: hub.standing.is_connected)
    for _ in range(3):
        await hub.measure()
        await hub.until_delivered()
    assert [shape(items) for items in office.messages] == [["key", (1, 1)], [(2, 2)], [(3, 3)]]
    assert stand.steps == ["committed", "published", "receipted", "released"] * 3


async def test_a_backlog_leaves_oldest_first_in_messages_of_bounded_size(stand):
    office = await stand.office()
    hub = await stand.hub(office, is_running=False)
    for _ in range(4):
        await hub.measure(500)
        await hub.begin_epoch()
    stand.start(hub)
    await hub.until_delivered()
    runs = [item for items in office.messages for item in items if not isinstance(item, bytes)]
    order = [(run.kid, run.first) for run in runs]
    kids = list(dict.fromkeys(kid for kid, _ in order))
    assert order == sorted(order, key=lambda at: (kids.index(at[0]), at[1]))
    assert max(len(encode_message(items)) for items in office.messages) < 12_000
    assert hub.counts["published"] < 2000 / 80


async def test_every_reading_arrives_although_the_broker_is_killed_while_they_leave(stand):
    office = await stand.office()
    hub = await stand.hub(office)
    await hub.measure(3000)
    await office.until(lambda: len(office.messages) > 10)
    stand.broker.kill()
    await office.link.lost
    assert len(office.ledger) < 3000
    await hub.until(lambda: not hub.standing.is_connected)
    await hub.measure(50)
    stand.broker.start()
    await office.open()
    await hub.until_delivered()


async def test_a_silent_office_is_said_and_costs_a_bounded_number_of_messages(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, Pace(silence_s=0.05, first_retry_s=0.05))
    await hub.measure(3000)
    await office.until(lambda: len(office.messages) >= 16 + 3)
    last = [shape(items) for items in office.messages]
    assert last[0][0] == "key"
    assert last[16:19] == [["key", (1, 1)]] * 3
    await hub.until(lambda: hub.standing.is_office_silent)
    await office.until_told(office_silent=True)

    office.answers = True
    await hub.until_delivered()
    assert not hub.standing.is_office_silent
    await office.until_told(office_silent=False)


async def test_what_changed_for_a_moment_while_the_status_was_made_is_not_what_stays_told(stand):
    class HastyOutbox(Outbox):
        is_first = True

        async def stats(self):
            stats = await super().stats()
            if self.is_first:
                self.is_first = False
                tell(True)
                asyncio.get_running_loop().call_soon(tell, False)
            return stats

    def tell(is_silent):
        hub.standing.is_office_silent = is_silent
        hub.forwarder.news()

    office = await stand.office()
    hub = await stand.hub(office, is_running=False, kind=HastyOutbox)
    stand.start(hub)
    await office.until(lambda: len(office.statuses) >= 2)
    await hub.settled()
    told = [json.loads(status.payload)["office_silent"] for status in office.statuses]
    assert told == [True, False]


async def test_a_new_connection_while_the_office_is_silent_offers_the_oldest_batch_alone(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, Pace(first_reconnect_s=0.05))
    await hub.measure(2000)
    await office.until(lambda: len(office.messages) == 16)
    stand.broker.kill()
    await office.link.lost
    stand.broker.start()
    await office.open()
    await hub.until(lambda: hub.counts["published"] == 17)
    await hub.settled()
    assert hub.counts["published"] == 17

    await office.say(office.receipt(office.messages[0][1:]))
    office.answers = True
    await hub.until(lambda: hub.counts["published"] >= 20)


async def test_a_record_that_stays_open_while_receipts_come_is_sent_again(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, Pace(first_retry_s=0.2))
    await hub.measure()
    await office.until(lambda: len(office.messages) == 1)
    office.answers = True
    await hub.measure()
    await hub.until_delivered()
    assert [shape(items) for items in office.messages][1:] == [[(2, 2)], [(1, 1)]]


async def test_what_the_broker_refuses_stays_and_is_an_alarm(stand):
    office = await stand.office()
    with capture_logs() as logs:
        hub = await stand.hub(
            office, Pace(first_retry_s=0.02, longest_retry_s=0.02), prefix="elsewhere"
        )
        await hub.measure()
        await hub.until(lambda: hub.counts["publish-refused"] >= 3)
    assert hub.standing.refusal.reason_code == 0x87
    [said] = [line for line in logs if line["event"] == "publish-refused"]
    assert (said["log_level"], said["reason_code"]) == ("error", 0x87)
    assert hub.outbox.depth == 1
    assert office.messages == []


async def test_nobody_listening_is_counted_and_said_once(stand):
    with capture_logs() as logs:
        hub = await stand.hub(Office(None), Pace(first_retry_s=0.02, longest_retry_s=0.02))
        await hub.measure()
        await hub.until(lambda: hub.counts["no-subscriber"] >= 4)
    assert [line["event"] for line in logs].count("no-subscriber") == 1
    assert hub.outbox.depth == 1


async def test_receipts_that_are_none_are_counted_and_release_nothing(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, Pace())
    await hub.measure(3)
    await office.until(lambda: office.messages)
    kid = hub.epoch.kid
    good = Receipt(HUB, 1, {kid: [(1, 3)]})

    await office.say(good, is_retained=True)
    await office.say(good, Signer.generate())
    altered = bytearray(sign_receipt(good, office.signer))
    altered[-1] ^= 1
    await office.say(bytes(altered))
    await office.say(Receipt("hub-2", 1, {kid: [(1, 3)]}))
    await office.say(bytes(60_000))
    await office.say(Receipt(HUB, 1, {kid: [(3, 4)], bytes(16): [(1, 1)]}))
    await hub.settled()

    assert hub.outbox.depth == 3
    ignored = ("retained", "forged", "foreign", "malformed", "never-assigned")
    assert {what: hub.counts[what] for what in ignored} == {
        "retained": 1,
        "forged": 2,
        "foreign": 1,
        "malformed": 1,
        "never-assigned": 2,
    }
    await office.say(Receipt(HUB, 1, {kid: [(1, 2), (2, 9)]}))
    await hub.settled()
    assert (hub.outbox.depth, hub.counts["never-assigned"]) == (1, 3)


async def test_a_refused_record_is_said_once_and_the_others_go_on(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, Pace())
    await hub.measure(3)
    await office.until(lambda: office.messages)
    kid = hub.epoch.kid
    refusal = Receipt(HUB, 1, {kid: [(1, 1), (3, 3)]}, [Refusal(kid, 2, "conflict")])
    with capture_logs() as logs:
        for _ in range(2):
            await office.say(refusal)
        await hub.settled()
    [said] = [line for line in logs if line["event"] == "record-refused"]
    assert (said["log_level"], said["sequence"], said["reason"]) == ("error", 2, "conflict")
    assert "hint" in said
    assert (hub.outbox.depth, hub.outbox.quarantined) == (0, 1)
    await office.until_told(quarantined=1)


async def test_a_key_record_that_the_office_lost_is_sent_at_once_but_not_twice_an_hour(stand):
    office = await stand.office()
    hub = await stand.hub(office, Pace())
    await hub.measure()
    await hub.until_delivered()
    office.keys.clear()
    await hub.measure()
    await hub.until_delivered()
    office.keys.clear()
    await hub.measure()
    await office.until(lambda: office.parked)
    await hub.settled()
    sent = [shape(items) for items in office.messages]
    assert sent == [["key", (1, 1)], [(2, 2)], ["key"], [(3, 3)]]
    assert hub.outbox.depth == 1


async def test_the_status_is_small_and_retained_and_a_will_follows(stand):
    office = await stand.office()
    hub = await stand.hub(office, is_running=False)
    task = stand.start(hub)
    await office.until(lambda: office.statuses)
    await hub.measure()
    await hub.until_delivered()
    await ended(task)
    await office.until(lambda: len(office.statuses) == 2)
    first, last = office.statuses
    assert json.loads(first.payload) == {
        "state": "connected",
        "software": "vitalpost 0",
        "depth": 0,
        "waiting_s": 0,
        "waiting_at_least": False,
        "open_epochs": 0,
        "oldest_epoch": None,
        "newest_epoch": None,
        "quarantined": 0,
        "office_silent": False,
        "last_receipt_ms": None,
        "clock_quality": 0,
        "signal": None,
        "needs_help": False,
    }
    assert len(first.payload) < 500
    assert json.loads(last.payload) == {"state": "gone"}


async def test_a_hub_that_needs_help_says_so_at_once_and_what_only_wavers_does_not(stand):
    office = await stand.office()
    hub = await stand.hub(office)
    await office.until(lambda: office.statuses)
    hub.health = Health(clock_quality=5, signal="good", needs_help=True)
    hub.forwarder.news()
    await office.until(lambda: len(office.statuses) == 2)
    said = json.loads(office.statuses[-1].payload)
    assert (said["needs_help"], said["clock_quality"], said["signal"]) == (True, 5, "good")

    hub.health = Health(clock_quality=7, signal="weak", needs_help=True)
    await hub.measure()
    await hub.until_delivered()
    await hub.settled()
    assert len(office.statuses) == 2


async def test_the_status_names_the_epochs_that_are_not_the_offices_yet(stand):
    office = await stand.office()
    office.answers = False
    hub = await stand.hub(office, is_running=False)
    first = hub.epoch.kid
    await hub.measure()
    last = await hub.begin_epoch()
    await hub.measure()
    stand.start(hub)
    await office.until(lambda: office.statuses)
    said = json.loads(office.statuses[-1].payload)
    assert said["open_epochs"] == 2
    assert (said["oldest_epoch"], said["newest_epoch"]) == (first.hex(), last.hex())


async def test_a_broker_that_accepts_and_kicks_is_left_alone_ever_longer(stand, authority):
    async def kick(reader, writer):
        await reader.read(1)
        writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK, success
        await writer.drain()
        writer.close()

    ceilings = asyncio.Queue()

    def draw(_low, high):
        ceilings.put_nowait(high)
        return 0

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("localhost"))
    server = await asyncio.start_server(kick, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    broker = stand.as_client(HUB)
    hub = Hub(
        await Outbox.open(authority.folder / "kicked.db", quota_bytes=1 << 20),
        Office(None),
        Broker(host, port, HUB, broker.tls),
        Pace(draw=draw, longest_reconnect_s=8.0),
        Steps(),
    )
    async with server:
        task = stand.start(hub)
        assert [await ceilings.get() for _ in range(6)] == [1, 2, 4, 8, 8, 8]
        await ended(task)
    await hub.outbox.close()


async def test_a_failing_card_ends_the_forwarder(stand):
    office = await stand.office()
    hub = await stand.hub(office, is_running=False)
    await hub.measure()
    hub.outbox._fault = RuntimeError("as after an I/O error")
    with pytest.raises(Exception, match="failed before"):
        await hub.forwarder.run()
    hub.outbox._fault = None


async def test_a_checkpoint_rides_on_records_or_goes_alone_and_again_until_it_is_checked(stand):
    office = await stand.office()
    hub = await stand.hub(office, SOON)
    await hub.measure(2)
    await hub.until_delivered()
    reach = await hub.outbox.reach(hub.epoch.kid)
    await hub.outbox.offer_checkpoint(reach.kid, hub.witness.check(reach, Ending.OPEN))
    await hub.measure()
    await hub.until_delivered()
    assert shape(office.messages[-1]) == ["key", (3, 3)]

    office.checks = True
    await hub.until(lambda: not hub.outbox.checkpoints)
    reach = await hub.outbox.reach(hub.epoch.kid)
    await hub.outbox.end_epoch(reach.kid, hub.witness.check(reach, Ending.CLOSED))
    hub.forwarder.new_rows()
    await hub.until(lambda: not hub.outbox.checkpoints)
    assert shape(office.messages[-1]) == ["key"]
    assert [s.ending for s in office.statements] == sorted(s.ending for s in office.statements)
    assert office.statements[-1].chain == reach.chain
    assert not hub.standing.is_office_silent


async def test_what_a_restored_office_wants_comes_again_and_what_is_gone_is_said(stand):
    office = await stand.office()
    hub = await stand.hub(office, Pace())
    await hub.measure(5)
    await hub.until_delivered()
    office.keys.clear()
    office.ledger.clear()
    kid, unknown = hub.epoch.kid, b"u" * 16
    wanted = {kid: [(1, 3), (6, 9)], unknown: [(1, 7)]}
    await office.say(Receipt(HUB, NOW + 1, wanted=wanted))
    await hub.until(lambda: len(office.ledger) == 3)
    await hub.settled()
    assert [shape(items) for items in office.messages][1:] == [["key"], ["key", (1, 3)]]
    [gone] = office.statements
    assert (gone.hub, gone.utc_ms, gone.ranges) == (HUB, NOW, {unknown: ((1, 7),)})
    assert (hub.counts["wanted"], hub.counts["gone"], hub.counts["never-assigned"]) == (3, 7, 1)


async def test_wanted_counts_in_the_newest_receipt_alone_and_the_same_once_an_hour(stand):
    office = await stand.office()
    hub = await stand.hub(office, Pace())
    await hub.measure(5)
    await hub.until_delivered()
    wanted = {hub.epoch.kid: [(1, 5)], b"u" * 16: [(1, 7)]}
    for utc_ms in (NOW, NOW - 1):
        await office.say(Receipt(HUB, utc_ms, wanted=wanted))
    await hub.settled()
    assert (hub.counts["wanted"], hub.counts["wanted-before"]) == (0, 2)
    for _ in range(3):
        hub.marks += 1
        await office.say(Receipt(HUB, NOW + hub.marks, wanted=wanted))
    await hub.until_released(10)
    await hub.settled()
    assert hub.counts["wanted"] == 5
    assert len(office.statements) == 1


async def test_an_office_whose_clock_was_far_ahead_once_is_heard_again_by_what_it_stores(stand):
    office = await stand.office()
    hub = await stand.hub(office, Pace())
    await hub.measure(5)
    await hub.until_delivered()
    await office.say(Receipt(HUB, NOW + 14 * 365 * 86_400_000))
    wanted = {hub.epoch.kid: [(1, 5)]}
    await office.say(Receipt(HUB, NOW + 1, wanted=wanted))
    await hub.settled()
    assert (hub.counts["wanted"], hub.counts["wanted-before"]) == (0, 1)
    await hub.measure()
    await hub.until_delivered()
    await office.say(Receipt(HUB, NOW + 2, wanted=wanted))
    await hub.until_released(11)
    assert hub.counts["wanted"] == 5


async def test_after_an_idle_link_has_died_the_hub_pings_twice_as_often(stand, authority):
    keepalives = asyncio.Queue()

    async def listen(reader, writer):
        connect = await reader.read(4096)
        at = connect.index(b"MQTT\x05") + 6
        keepalives.put_nowait(int.from_bytes(connect[at : at + 2]))
        writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK, success
        await writer.drain()
        subscribe = await reader.read(4096)
        writer.write(b"\x90\x04" + subscribe[2:4] + b"\x00\x01")  # SUBACK, QoS 1
        await writer.drain()
        await reader.read(4096)  # the status
        links[-1]._heard_at -= 1300 if len(links) == 1 else 0
        writer.close()

    links = []

    class Hand(Forwarder):
        async def _serve(self, link):
            links.append(link)
            await super()._serve(link)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("localhost"))
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    office = Office(None)
    outbox = await Outbox.open(authority.folder / "idle.db", quota_bytes=1 << 20)
    forwarder = Hand(
        outbox,
        Route(Broker(host, port, HUB, stand.as_client(HUB).tls), [office.signer.public()]),
        Witness(HUB, partial(sign_statement, signer=office.hub_signer), lambda: NOW),
        pace=Pace(draw=lambda _low, _high: 0),
    )
    async with server:
        task = asyncio.create_task(forwarder.run())
        async with asyncio.timeout(DEADLINE_S):
            assert [await keepalives.get() for _ in range(4)] == [1200, 600, 600, 600]
        await ended(task)
    await outbox.close()


async def test_a_requeued_record_is_sent_though_later_ones_went_before(stand):
    office = await stand.office()
    hub = await stand.hub(office, Pace(), is_running=False)
    await hub.measure(2)
    await hub.outbox.refuse(hub.epoch.kid, 1, "conflict")
    stand.start(hub)
    await hub.until(lambda: hub.outbox.depth == 0)
    await hub.outbox.requeue()
    hub.forwarder.old_rows()
    await hub.until(lambda: hub.outbox.depth == 0)
    assert len(office.ledger) == 2
