import asyncio
import shutil
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial

import msgspec
import pytest
from sqlalchemy import update

from backend import tables
from backend.enrolment.enroll import answer, enter_hub, read
from backend.enrolment.renewal import Renewal as OfficeRenewal
from backend.intake.messages import Intake
from backend.keys.certificates import is_due
from backend.keys.folder import (
    load_authority,
    load_opening_keys,
    load_receipt_publics,
    load_sealing_keys,
)
from backend.keys.keygen import add_key, make_keys, renew_revoked
from backend.ledger import Ledger
from backend.reading_names import ReadingNames
from gateway.identity.credentials import load_credentials
from gateway.identity.provision import install_answer, make_request
from gateway.identity.renewal import Renewal
from tests.fakes.broker import MosquittoBroker
from uplink.forwarder import Forwarder, Pace
from uplink.mqtt import Broker, Connection
from uplink.outbox import Outbox
from uplink.records import ClockRecord, EpochStart, Stamp, encode
from uplink.route import Route
from uplink.seal import open_epoch, sign_statement, verify_receipt
from uplink.tls import tls_context
from uplink.witness import Witness

NOW_MS = 1_790_000_000_000
START = EpochStart(bytes(16), 0, NOW_MS, 5, "vitalpost 0")
DEADLINE_S = 20


class Stand:
    """Office and hub in one process, a real broker between them."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = folder / "keys"
        make_keys(self.keys, "127.0.0.1")
        self.certificate, self.revoked = self.keys / "ca.crt", self.keys / "ca.crl"
        self.broker = MosquittoBroker(folder / "broker", self)
        self.ledger = Ledger(folder / "ledger.db", ReadingNames.of(self.keys), create=True)
        self.now_ms = NOW_MS
        self.heard = []

    def issue(self, name):
        return self.keys / f"{name}.crt", self.keys / f"{name}.key"

    def enroll(self):
        """A hub whose certificate ends within the hour."""
        folder = self.folder / "credentials"
        request = read(msgspec.json.encode(make_request(folder, "hub-1")))
        authority = load_authority(self.keys)
        soon = authority.certify_hub("hub-1", request.tls_key, timedelta(hours=1))
        with self.ledger.writing() as connection:
            enter_hub(connection, authority, request, NOW_MS)
            connection.execute(update(tables.hub).values(certificate=soon))
            connection.execute(update(tables.hub_certificate).values(certificate=soon))
        answered = answer(self.keys, request, soon, NOW_MS)
        install_answer(folder, "hub-1", msgspec.json.encode(answered))
        return soon

    async def open_office(self):
        """Start it, with the keys that lie there now."""
        intake = Intake(
            self.ledger,
            load_opening_keys(self.keys),
            None,
            "vitalpost",
            lambda: self.now_ms,
            renewal=OfficeRenewal(self.keys),
        )

        def hear(message):
            self.now_ms += 1
            reply = intake.take(message.topic, message.payload)
            for said in filter(None, (reply.signed, reply.answer)):
                self.heard.append(said)
                link.publish("vitalpost/v1/hub-1/receipts", said)

        backend = Broker(
            "127.0.0.1",
            self.broker.port,
            "backend",
            tls_context(self.certificate, *self.issue("backend")),
        )
        link = await Connection.open(backend, hear)
        await link.subscribe("vitalpost/v1/+/records")
        return link


class Hub:
    def __init__(self, stand, outbox):
        self.outbox = outbox
        state = stand.folder / "state"
        credentials = load_credentials(stand.folder / "credentials")
        self.renewal = Renewal(credentials, "hub-1", state, "x-wing", now_ms=lambda: NOW_MS)
        tls = tls_context(credentials.broker_ca, credentials.tls_certificate, credentials.tls_key)
        self.forwarder = Forwarder(
            outbox,
            Route(Broker("127.0.0.1", stand.broker.port, "hub-1", tls), credentials.receipt_keys),
            Witness("hub-1", partial(sign_statement, signer=credentials.signer), lambda: NOW_MS),
            pace=Pace(first_reconnect_s=0.05, longest_reconnect_s=0.2),
            renewal=self.renewal,
        )
        self.standing = self.forwarder.standing

    async def record(self):
        """One record of an epoch of its own, as the recorder would begin it now."""
        signer, sealing_key = self.renewal.credentials.signer, self.renewal.sealing_key
        epoch, key_record = open_epoch("hub-1", signer, sealing_key, START)
        await self.outbox.begin_epoch(epoch.kid, key_record)
        sealed = epoch.seal(encode(ClockRecord(Stamp(1, NOW_MS, 5), "start"), START))
        await self.outbox.append(epoch.kid, [sealed])
        self.forwarder.new_rows()

    async def until(self, is_so):
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():  # noqa: ASYNC110  a condition, of which the forwarder tells nobody
                await asyncio.sleep(0.002)

    async def until_delivered(self):
        await self.until(lambda: self.outbox.depth == 0)


@pytest.fixture
async def stand(tmp_path):
    stand = Stand(tmp_path)
    stand.broker.start()
    yield stand
    stand.broker.kill()
    stand.ledger.close()


async def ended(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_certificate_and_keys_are_renewed_over_the_air_and_used_from_then_on(stand):
    soon = stand.enroll()
    add_key(stand.keys, "hpke")
    add_key(stand.keys, "receipt")
    newest = load_receipt_publics(stand.keys)[0]
    (stand.folder / "state").mkdir()
    async with AsyncExitStack() as stack:
        office = await stand.open_office()
        outbox = await Outbox.open(stand.folder / "state" / "outbox.db", quota_bytes=1 << 24)
        stack.push_async_callback(outbox.close)
        hub = Hub(stand, outbox)
        former = hub.renewal.credentials
        task = asyncio.create_task(hub.forwarder.run())
        stack.push_async_callback(ended, task)

        await hub.until(lambda: hub.renewal.credentials is not former)
        held = hub.renewal.credentials
        assert not is_due(held.tls_certificate.read_text())
        assert hub.renewal.sealing_key.id == load_sealing_keys(stand.keys)[0].id
        await hub.until(lambda: hub.renewal.ask_at > 0)
        await hub.record()
        await hub.until_delivered()
        assert verify_receipt(stand.heard[-1], [newest])

        # Only the new certificate opens the broker's door from here on.
        renew_revoked(stand.keys, [soon])
        shutil.copy(stand.revoked, stand.broker.certs)
        stand.broker.stop()
        await office.lost
        stand.broker.start()
        office = await stand.open_office()
        connected = hub.standing.counts["receipts"]
        await hub.record()
        await hub.until_delivered()
        assert hub.standing.counts["receipts"] > connected
        assert hub.standing.counts["malformed"] == hub.standing.counts["forged"] == 0
        await office.close()
