import asyncio
import ssl
from contextlib import AsyncExitStack

import pytest

from tests.fakes.broker import MosquittoBroker
from tests.fakes.pki import Authority
from uplink.errors import BrokerUnreachable
from uplink.mqtt import TLS_HINT, Broker, Connection
from uplink.tls import tls_context


def as_client(broker, authority, name, **settings):
    tls = tls_context(authority.certificate, *authority.issue(name))
    return Broker(broker.host, broker.port, name, tls, **settings)


class Listener:
    """A connection with what it has received."""

    def __init__(self):
        self.heard = asyncio.Queue()
        self.link = None

    async def open(self, broker, *topics, will=None):
        self.link = await Connection.open(broker, self.heard.put_nowait, will)
        for topic in topics:
            await self.link.subscribe(topic)
        return self


@pytest.fixture
async def opened(broker, authority):
    async with AsyncExitStack() as stack:

        async def open_as(name, *topics, will=None):
            settings = as_client(broker, authority, name)
            listener = await Listener().open(settings, *topics, will=will)
            stack.push_async_callback(listener.link.close)
            return listener

        yield open_as


async def test_a_message_arrives_and_the_publisher_learns_the_reason_code(opened):
    office = await opened("backend", "vitalpost/v1/+/records")
    hub = await opened("hub-1")
    payloads = [bytes([number]) * 5000 for number in range(40)]
    codes = [hub.link.publish("vitalpost/v1/hub-1/records", payload) for payload in payloads]
    assert set(await asyncio.gather(*codes)) == {0}
    heard = [await office.heard.get() for _ in payloads]
    assert [message.payload for message in heard] == payloads
    assert {message.topic for message in heard} == {"vitalpost/v1/hub-1/records"}


async def test_nobody_listening_and_a_foreign_topic_are_told_apart(opened):
    hub = await opened("hub-1")
    assert await hub.link.publish("vitalpost/v1/hub-1/records", b"alone") == 0x10
    assert await hub.link.publish("vitalpost/v1/hub-2/records", b"foreign") == 0x87
    assert await hub.link.publish("vitalpost/v1/hub-1/receipts", b"own receipt") == 0x87


async def test_no_hub_hears_what_is_not_its_own(opened):
    curious = await opened("hub-1", "vitalpost/v1/#")
    own = await opened("hub-2", "vitalpost/v1/hub-2/receipts")
    office = await opened("backend")
    for hub in ("hub-2", "hub-1"):
        await office.link.publish(f"vitalpost/v1/{hub}/receipts", hub.encode())
    assert (await own.heard.get()).payload == b"hub-2"
    assert (await curious.heard.get()).payload == b"hub-1"
    assert curious.heard.empty()


async def test_a_retained_message_is_known_as_one_even_when_it_comes_live(opened):
    office = await opened("backend")
    topic = "vitalpost/v1/hub-1/receipts"
    await office.link.publish(topic, b"before", is_retained=True)
    hub = await opened("hub-1", topic)
    await office.link.publish(topic, b"live", is_retained=True)
    await office.link.publish(topic, b"plain")
    heard = [await hub.heard.get() for _ in range(3)]
    assert [(message.payload, message.is_retained) for message in heard] == [
        (b"before", True),
        (b"live", True),
        (b"plain", False),
    ]


async def test_the_will_is_published_when_a_hub_goes_in_whatever_way(opened):
    office = await opened("backend", "vitalpost/v1/+/status")
    for name in ("hub-1", "hub-2"):
        hub = await opened(name, will=(f"vitalpost/v1/{name}/status", name.encode()))
        if name == "hub-1":
            await hub.link.close()
        else:
            hub.link._client.socket().shutdown(2)
        assert (await office.heard.get()).payload == name.encode()


async def test_the_loss_of_the_broker_ends_the_connection_and_what_waits_for_it(broker, opened):
    hub = await opened("hub-1")
    broker.kill()
    acknowledged = hub.link.publish("vitalpost/v1/hub-1/records", b"too late")
    assert isinstance(await hub.link.lost, BrokerUnreachable)
    assert acknowledged.cancelled()
    assert hub.link.publish("vitalpost/v1/hub-1/records", b"later still").cancelled()
    with pytest.raises(BrokerUnreachable):
        await hub.link.subscribe("vitalpost/v1/hub-1/receipts")


async def test_a_second_connection_of_the_same_hub_takes_the_first_ones_place(opened):
    first = await opened("hub-1")
    second = await opened("hub-1")
    await first.link.lost
    assert await second.link.publish("vitalpost/v1/hub-1/records", b"") == 0x10


async def test_the_brokers_reason_for_ending_a_connection_is_kept(authority):
    async def end(reader, writer):
        await reader.read(1)
        writer.write(b"\x20\x03\x00\x00\x00\xe0\x01\x8e")  # CONNACK, then DISCONNECT
        await reader.read()
        writer.close()

    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(*authority.issue("localhost"))
    server = await asyncio.start_server(end, "127.0.0.1", 0, ssl=server_tls)
    async with server:
        tls = tls_context(authority.certificate, *authority.issue("hub-1"))
        hub = await Listener().open(Broker(*server.sockets[0].getsockname(), "hub-1", tls))
        assert (await hub.link.lost).reason_code == 0x8E


async def test_the_session_is_resumed_with_the_same_identity(broker, authority):
    settings = as_client(broker, authority, "hub-1")
    resumed = []
    for _ in range(3):
        listener = await Listener().open(settings)
        resumed.append(listener.link._client.socket().session_reused)
        assert await listener.link.publish("vitalpost/v1/hub-1/records", b"") == 0x10
        assert await listener.link.publish("vitalpost/v1/hub-2/records", b"") == 0x87
        await listener.link.close()
    assert resumed == [False, True, True]
    broker.kill()
    with pytest.raises(BrokerUnreachable):
        await Listener().open(settings)
    broker.start()
    listener = await Listener().open(settings)
    assert not listener.link._client.socket().session_reused
    await listener.link.close()


async def test_only_tls_1_3_with_a_certificate_of_ours_gets_in(broker, authority, tmp_path):
    settings = as_client(broker, authority, "hub-1")
    settings.tls.minimum_version = settings.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(BrokerUnreachable) as old:
        await Listener().open(settings)
    assert isinstance(old.value.__cause__, ssl.SSLError)

    stranger = Authority(tmp_path)
    with pytest.raises(BrokerUnreachable) as rejected:
        await Listener().open(
            Broker(
                broker.host,
                broker.port,
                "hub-1",
                tls_context(authority.certificate, *stranger.issue("hub-1")),
            )
        )
    with pytest.raises(BrokerUnreachable) as impostor:
        await Listener().open(as_client(broker, stranger, "hub-1"))
    assert isinstance(impostor.value.__cause__, ssl.SSLCertVerificationError)
    assert {old.value.hint, rejected.value.hint, impostor.value.hint} == {TLS_HINT}


async def test_a_broker_that_never_answers_is_given_up(authority):
    async def silence(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    [listening] = server.sockets
    async with server:
        tls = tls_context(authority.certificate, *authority.issue("hub-1"))
        broker = Broker(*listening.getsockname(), "hub-1", tls, connect_timeout_s=0.2)
        with pytest.raises(BrokerUnreachable) as unreachable:
            await Listener().open(broker)
    assert unreachable.value.endpoint == broker.endpoint


async def test_a_megabyte_from_the_broker_is_kept_away(tmp_path, authority):
    broker = MosquittoBroker(tmp_path / "lax", authority, extra="max_packet_size 2000000")
    broker.start()
    try:
        topic = "vitalpost/v1/hub-1/receipts"
        hub = await Listener().open(as_client(broker, authority, "hub-1"), topic)
        office = await Listener().open(as_client(broker, authority, "backend"))
        await office.link.publish(topic, bytes(1_000_000))
        await office.link.publish(topic, b"small")
        assert (await hub.heard.get()).payload == b"small"
        await office.link.close()
        await hub.link.close()
    finally:
        broker.kill()


async def test_an_idle_connection_is_kept_by_pings(broker, authority):
    said = asyncio.Queue()
    hub = await Listener().open(as_client(broker, authority, "hub-1", keepalive_s=1))
    hub.link._client.on_log = lambda _client, _userdata, _level, line: said.put_nowait(line)
    pongs = 0
    while pongs < 3:
        pongs += "PINGRESP" in await said.get()
    assert await hub.link.publish("vitalpost/v1/hub-1/records", b"") == 0x10
    await hub.link.close()


async def test_a_connection_knows_how_long_the_broker_was_silent_when_it_was_lost(opened):
    hub = await opened("hub-1")
    assert await hub.link.publish("vitalpost/v1/hub-1/records", b"") == 0x10
    hub.link._heard_at -= 1300  # as if that had been so long ago
    hub.link._client.socket().shutdown(2)
    await hub.link.lost
    assert 1300 <= hub.link.quiet_s < 1400
