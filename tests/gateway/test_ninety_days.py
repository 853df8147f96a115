"""90 days of four devices with twenty readings a day each, held offline and drained whole."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import insert

from backend import tables
from backend.intake.messages import Intake
from benchmarks import readings
from gateway.clock import read_moment
from gateway.drafts import DeviceFacts
from gateway.recorder import Recorder
from gateway.settings import OutboxSettings
from tests.backend.office import PREFIX, RECEIPT_KEY, Office
from tests.fakes.hand_clock import DAY_S, HandClock
from uplink.flash import BUDGET_BYTES, read_written
from uplink.forwarder import Forwarder
from uplink.keys import X_WING, OpeningKey, Signer
from uplink.mqtt import Broker, Message
from uplink.outbox import Outbox
from uplink.route import Route
from uplink.seal import open_epoch, sign_statement
from uplink.witness import Witness

HUB = "hub-1"
DAYS, DEVICES, EACH = 90, 4, 20
READINGS = DAYS * DEVICES * EACH
QUOTA = OutboxSettings().quota_mb * 1_000_000
RECORDS = READINGS + DAYS * (2 + 2 * DEVICES)  # two anchors a day; a device is told of twice
USED = 1_300_000  # bytes of pages, with 90 key records twice
ON_CARD = 3_000_000  # bytes of files, with the log and the room held in reserve
PATIENCE_S = 200


class Home:
    """A hub that is offline until `drain`, and an office that is a real ledger."""

    def __init__(self, outbox, office):
        self.name = HUB
        self.outbox = outbox
        self.office = office
        key = OpeningKey.generate(X_WING)  # the larger key records
        keys = {key.public().id: key}
        office.intake = Intake(office.ledger, keys, RECEIPT_KEY, PREFIX, lambda: office.now_ms)
        self.clock = HandClock()
        self.signer = Signer.generate()
        self.messages = 0
        self.lost = asyncio.get_running_loop().create_future()
        row = {"id": HUB, "sign_key": self.signer.public(), "certificate": "", "enrolled_ms": 0}
        with office.ledger.writing() as connection:
            connection.execute(insert(tables.hub).values(row))
        sign = partial(sign_statement, signer=self.signer)
        self.witness = Witness(HUB, sign, lambda: read_moment(self.clock).utc_ms)
        self.recorder = Recorder(
            outbox,
            self.clock,
            partial(open_epoch, HUB, self.signer, key.public()),
            self.witness,
            software="vitalpost 0.1.0",
        )
        route = Route(Broker("localhost", 1, HUB, None), [RECEIPT_KEY.public()], PREFIX)
        self.forwarder = Forwarder(outbox, route, self.witness)

    async def live(self):
        """Each device measures in its turn, and the hub does what it does each hour."""
        for number in range(1, READINGS + 1):
            identity = ("A&D", "UA-651BLE", str(number % DEVICES))
            facts = DeviceFacts("sig-blood-pressure", "1", identity, "ble")
            reading, moment = readings.record(number, 0), read_moment(self.clock)

            def draft(place, reading=reading, moment=moment):
                return replace(reading, stamp=place.stamp(moment), device=place.device)

            await self.recorder.record([draft], facts)
            self.clock.wait(DAY_S / DEVICES / EACH)
            await self.recorder.anchor()

    def publish(self, topic, payload, *, is_retained=False):
        """The broker takes all, and the office answers at once."""
        loop = asyncio.get_running_loop()
        acknowledged = loop.create_future()
        acknowledged.set_result(0)
        if topic.endswith("/records"):
            self.messages += 1
            if signed := self.office.intake.take(topic, payload).signed:
                answer = Message("", signed, is_retained=False)
                loop.call_soon(self.forwarder._hear, answer)
        return acknowledged

    async def drain(self):
        serving = asyncio.create_task(self.forwarder._serve(self))
        async with asyncio.timeout(PATIENCE_S):
            while self.outbox.depth or self.outbox.checkpoints:
                assert not serving.done(), serving.exception()
                await asyncio.sleep(0.01)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def home(tmp_path):
    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=QUOTA)
    yield Home(outbox, Office(tmp_path))
    await outbox.close()


@pytest.mark.long
async def test_ninety_days_are_held_offline_in_little_of_the_quota_and_drained_whole(
    home, tmp_path
):
    before = read_written()
    await home.live()
    await home.recorder.close()
    assert read_written() - before <= DAYS * BUDGET_BYTES
    stats = await home.outbox.stats()
    assert (stats.epochs, stats.open_checkpoints) == (DAYS, DAYS)
    assert stats.waiting == RECORDS
    assert stats.used_bytes <= USED
    assert sum(file.stat().st_size for file in tmp_path.glob("outbox*")) <= ON_CARD
    assert QUOTA // ON_CARD > 150

    await home.drain()
    assert home.office.count(tables.reading) == READINGS
    assert home.office.count(tables.record) == RECORDS
    assert home.office.completeness(home).state == "complete"
    assert home.messages <= RECORDS // 100 + DAYS
    assert (home.outbox.depth, home.outbox.quarantined) == (0, 0)
