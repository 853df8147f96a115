"""The backend at the broker: messages in, receipts out after the commit, then the acknowledgement.

The network lives on paho's thread; this thread takes one message after another. A message that was
not acknowledged comes again, and a receipt that got lost is sent again when the hub does: dying
between any two steps costs time and nothing else.
"""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from backend.clock import load_clock
from backend.config import Settings
from backend.errors import BackendError, BrokerRefused, ConfigError, ConfigErrors, KeyUnusable
from backend.intake import Intake
from backend.keys import load_opening_keys
from backend.ledger import Ledger
from backend.renewal import Renewal
from uplink.journal import Journal, JournalFile, Step, keep_no_journal
from uplink.wire import FORMAT, topic

GROUP = "vitalpost"
QOS = 1
RECEIVE_MAXIMUM = 64  # a worker that dies holds back no more than this
SESSION_S = 14 * 86_400
MAXIMUM_PACKET_BYTES = (
    4 << 20
)  # the broker drops what is longer; what is shorter we refuse ourselves
RECONNECT_S = (1, 8)
KEEPALIVE_S = 60


class _Arrived(NamedTuple):
    connection: int
    message: MQTTMessage


class Receiver:
    """Runs until SIGTERM or SIGINT. `journal` hears "committed", "published", "acknowledged"."""

    def __init__(self, settings: Settings, journal: Journal | None = None) -> None:
        """Open keys, clock and ledger. Raises BackendError."""
        self._broker = settings.broker
        self._log = structlog.get_logger()
        self._queue: SimpleQueue[_Arrived | BackendError | None] = SimpleQueue()
        self._connection = 0  # messages of an earlier connection come again
        self._is_lost = False
        folder = Path(settings.keys.dir)
        keys, renewal = load_opening_keys(folder), Renewal(folder)
        clock = load_clock(settings.clock)
        self._now_ms = lambda: clock.utc_ns() // 1_000_000
        self._journal = journal or _open_journal(settings, self._now_ms)
        self._client = self._make_client(_tls(settings))
        self._ledger = Ledger(Path(settings.ledger.path), create=True)
        self._intake = Intake(
            self._ledger,
            keys,
            renewal.signer_for(()),
            self._broker.prefix,
            self._now_ms,
            renewal=renewal,
        )

    def run(self) -> None:
        """Take messages. Raises BrokerRefused or LedgerUnusable: then let systemd restart it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._queue.put(None))
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
            while (arrived := self._queue.get()) is not None:
                if isinstance(arrived, BackendError):
                    raise arrived
                if arrived.connection == self._connection:
                    self._take(arrived.message)
        finally:
            self._client.disconnect()
            self._client.loop_stop()
            self._ledger.close()
        self._log.info("stopped")

    def _take(self, message: MQTTMessage) -> None:
        reply = self._intake.take(message.topic, bytes(message.payload))
        stored = reply.receipt.stored if reply.receipt else {}
        self._journal(Step("committed", stored))
        for what, detail in reply.incidents:
            self._log.warning("incident", what=what, hub=reply.hub, detail=detail)
        for said in (reply.signed, reply.answer):
            if said is not None:
                receipts = topic(self._broker.prefix, reply.hub, "receipts")
                self._client.publish(receipts, said, QOS)
        if reply.signed is not None:
            self._journal(Step("published", stored))
        self._client.ack(message.mid, message.qos)
        self._journal(Step("acknowledged"))

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
        self._is_lost = False
        self._log.info("connected", endpoint=f"{self._broker.host}:{self._broker.port}")
        client.subscribe(f"$share/{GROUP}/{self._broker.prefix}/v{FORMAT}/+/records", QOS)

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


def _open_journal(settings: Settings, now_ms: Callable[[], int]) -> Journal:
    path = settings.ledger.journal
    if path is None:
        return keep_no_journal
    try:
        return JournalFile(Path(path), settings.broker.client_id, now_ms)
    except OSError as error:
        found = f"{path}: {error.strerror or error}"
        raise ConfigErrors([ConfigError("ledger.journal", found, "a file to append to")]) from error


def _tls(settings: Settings) -> ssl.SSLContext:
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
