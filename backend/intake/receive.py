"""The backend at the broker: messages in, and once they are taken, receipts out; then the PUBACK.

The network lives on paho's thread; this thread takes what has come, several messages at a time. A
message that was not acknowledged comes again, and a receipt that got lost is sent again when the
hub does: dying between any two steps costs time and nothing else.
"""

from __future__ import annotations

import signal
import ssl
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from backend.config import Broker, Settings
from backend.errors import BackendError, BrokerRefused, KeyUnusable
from backend.intake.messages import Reply
from backend.intake.taking import Taken, Taker
from uplink.journal import Journal, Step
from uplink.wire import FORMAT, topic

GROUP = "vitalpost"
QOS = 1
AT_ONCE = 16  # messages in one call of the taker
IDLE_S = 10.0
RECEIVE_MAXIMUM = 64  # a worker that dies holds back no more than this; nor does a slow one
SESSION_S = 14 * 86_400
MAXIMUM_PACKET_BYTES = (
    4 << 20
)  # the broker drops what is longer; what is shorter we refuse ourselves
RECONNECT_S = (1, 8)
KEEPALIVE_S = 60


class _Arrived(NamedTuple):
    connection: int
    message: MQTTMessage


_Queue = SimpleQueue[_Arrived | BackendError | None]


class Receiver:
    """Hands messages to a taker until SIGTERM or SIGINT.

    `journal` hears "published" and "acknowledged" for each message.
    """

    def __init__(
        self, broker: Broker, context: ssl.SSLContext, taker: Taker, journal: Journal
    ) -> None:
        self._broker = broker
        self._taker = taker
        self._journal = journal
        self._log = structlog.get_logger()
        self._queue: _Queue = SimpleQueue()
        self._connection = 0  # messages of an earlier connection come again
        self._is_lost = False
        self._client = self._make_client(context)

    def run(self) -> None:
        """Take messages. Raises BackendError: then let systemd restart it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho states no types here
        connect.SessionExpiryInterval = SESSION_S
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        connect.MaximumPacketSize = MAXIMUM_PACKET_BYTES
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=connect,
        )
        self._client.loop_start()
        try:
            self._take([])
            while (arrived := self._await()) is not None:
                self._take(arrived)
        finally:
            self._client.disconnect()
            self._client.loop_stop()
        self._log.info("stopped")

    def _stop(self) -> None:
        self._queue.put(None)
        self._taker.stop()

    def _await(self) -> list[_Arrived] | None:
        """What has come, which may be nothing; None to stop. Raises what the network told."""
        arrived: list[_Arrived] = []
        try:
            item = self._queue.get(timeout=IDLE_S)
            while True:
                if item is None:
                    return None
                if isinstance(item, BackendError):
                    raise item
                if item.connection == self._connection:
                    arrived.append(item)
                if len(arrived) == AT_ONCE:
                    return arrived
                item = self._queue.get_nowait()
        except Empty:
            return arrived

    def _take(self, arrived: list[_Arrived]) -> None:
        replies = self._taker.take(
            [Taken(message.topic, bytes(message.payload)) for _, message in arrived]
        )
        if replies is None:
            return  # told to stop: all of them come again
        for reply in replies:
            self._receipt(reply)
        for connection, message in arrived:
            # On another connection its number may be another message's.
            if connection == self._connection:
                self._client.ack(message.mid, message.qos)
                self._journal(Step("acknowledged"))

    def _receipt(self, reply: Reply) -> None:
        for said in (reply.signed, reply.answer):
            if said is not None:
                receipts = topic(self._broker.prefix, reply.hub, "receipts")
                self._client.publish(receipts, said, QOS)
        if reply.signed is not None and reply.receipt is not None:
            self._journal(Step("published", reply.receipt.stored))

    def _make_client(self, context: ssl.SSLContext) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.tls_set_context(context)
        client.reconnect_delay_set(*RECONNECT_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _: Any
    ) -> None:
        if reason.is_failure:
            self._lose(str(reason))
            return
        self._connection += 1
        self._forget_earlier()
        self._is_lost = False
        self._log.info("connected", endpoint=f"{self._broker.host}:{self._broker.port}")
        client.subscribe(f"$share/{GROUP}/{self._broker.prefix}/v{FORMAT}/+/records", QOS)

    def _forget_earlier(self) -> None:
        """While the taker is slow the queue holds one connection's messages, not every one's."""
        kept: list[BackendError | None] = []
        try:
            while True:
                item = self._queue.get_nowait()
                if not isinstance(item, _Arrived):
                    kept.append(item)
        except Empty:
            for item in kept:
                self._queue.put(item)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._lose("no answer, or a certificate that is not trusted")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _: Any
    ) -> None:
        if reason.is_failure:
            self._lose(str(reason))

    def _lose(self, reason: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            endpoint = f"{self._broker.host}:{self._broker.port}"
            self._log.warning("broker-lost", endpoint=endpoint, reason=reason)

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _: Any
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._queue.put(BrokerRefused("subscription", reason.value))
            else:
                self._log.info("subscribed")

    def _on_publish(
        self, _client: Client, _data: Any, _mid: int, reason: ReasonCode, _: Any
    ) -> None:
        if reason.is_failure:
            self._log.error("receipt-refused", reason=str(reason))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._queue.put(_Arrived(self._connection, message))


def tls_context(settings: Settings) -> ssl.SSLContext:
    """The backend's side of TLS 1.3 with the broker. Raises KeyUnusable."""
    broker = settings.broker
    ca, certificate, key = (
        Path(path) if path else settings.key_file(name)
        for path, name in (
            (broker.ca, "ca.crt"),
            (broker.cert, "backend.crt"),
            (broker.key, "backend.key"),
        )
    )
    for path in (ca, certificate, key):
        if not path.is_file():
            raise KeyUnusable(path, "no such file")
    try:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise KeyUnusable(certificate, str(error)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
