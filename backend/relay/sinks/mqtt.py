"""A topic of the same broker: one message per reading, acknowledged by its PUBACK.

A PUBACK says that the broker has the message and somebody subscribes: nothing more. What a broker
that dies loses afterwards is lost to the subscriber, until the relay is started from an earlier
cursor.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from backend.config import Broker
from backend.errors import SinkFailed, SinkRefused
from backend.relay.sinks import Page
from drivers.errors import Retry

QOS = 1
PATIENCE_S = 30.0
NOBODY = 0x10  # MQTT 5.0, 3.4.2.1: no matching subscribers
REFUSED = 0x80  # MQTT 5.0, 2.4: reason codes from here up are failures
MAX_TOPIC_BYTES = 65_535
HEADER_BYTES = 16  # of a PUBLISH around topic and payload: at most 5 + 2 + 2 + 1
LOST = -1  # where a packet's number would stand

_Answers = SimpleQueue[tuple[int, ReasonCode]]


class Topic:
    """Publishes to `topic`, over a connection of its own."""

    def __init__(self, topic: str, broker: Broker, context: ssl.SSLContext) -> None:
        """Raises SinkRefused for a topic among those of the hubs."""
        if topic == broker.prefix or topic.startswith(f"{broker.prefix}/"):
            raise SinkRefused(f"topic {topic}", f"{broker.prefix}/… belongs to the hubs")
        self.name = f"mqtt:{topic}"
        self._topic = topic
        self._broker = broker
        self._context = context
        self._client: Client | None = None
        self._longest: int | None = None  # as the broker says
        self._answers: _Answers = SimpleQueue()

    def write(self, page: Page) -> None:
        """Publish them and wait for every PUBACK. Raises SinkFailed."""
        try:
            if self._client and not self._client.is_connected():
                self.close()
            client = self._client or self._connect()
            self._check_size(max(map(len, page.lines)))
            published = {client.publish(self._topic, line, QOS).mid for line in page.lines}
            self._await(published)
        except SinkFailed:
            self.close()
            raise
        except (OSError, ValueError, RuntimeError) as error:  # paho's, for what it cannot queue
            self.close()
            raise SinkFailed(f"topic {self._topic}: {error}") from error

    def close(self) -> None:
        """Let go of the connection, and of what it had not delivered."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connect(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._broker.client_id}-relay",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        self._answers = answers = _Answers()
        client.tls_set_context(self._context)
        client.on_publish = lambda _c, _u, mid, reason, _p: answers.put((mid, reason))
        client.on_connect = self._on_connect
        client.on_disconnect = lambda _c, _u, _f, reason, _p: answers.put((LOST, reason))
        client.connect(self._broker.host, self._broker.port, clean_start=True)
        client.loop_start()
        self._client = client
        self._await({0})
        return client

    def _on_connect(
        self, _c: Client, _u: Any, _f: ConnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        self._longest = getattr(properties, "MaximumPacketSize", None)
        self._answers.put((0, reason))

    def _check_size(self, longest: int) -> None:
        """What is longer than the broker allows would only end the connection, again and again."""
        limit = self._longest
        if limit is not None and longest + len(self._topic.encode()) + HEADER_BYTES > limit:
            hint = "Raise the broker's max_packet_size: a series may need 512 KiB."
            what = f"topic {self._topic}: {longest} bytes, the broker takes packets of {limit}"
            raise SinkFailed(what, Retry.TECHNICIAN, hint)

    def _await(self, mids: Iterable[int]) -> None:
        waiting = set(mids)
        while waiting:
            try:
                mid, reason = self._answers.get(timeout=PATIENCE_S)
            except Empty:
                raise SinkFailed(f"topic {self._topic}: the broker is silent") from None
            self._check(mid, reason)
            waiting.discard(mid)

    def _check(self, mid: int, reason: ReasonCode) -> None:
        what = f"topic {self._topic}: {reason}"
        if mid == LOST:
            raise SinkFailed(what)
        if reason.value >= REFUSED:
            hint = "Let the broker's access list allow the backend to write to that topic."
            raise SinkFailed(what, Retry.TECHNICIAN, hint)
        if reason.value == NOBODY:
            hint = "Start the subscriber, with a session that the broker keeps while it is away."
            raise SinkFailed(what, Retry.LATER, hint)


def check_topic(topic: str) -> str:
    """The topic, if messages can be published to it. Raises ValueError."""
    if not topic or set(topic) & set("+#\0") or topic.startswith("$"):
        raise ValueError("wanted a topic without + and #, that does not begin with $")
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        raise ValueError(f"wanted a topic of at most {MAX_TOPIC_BYTES} bytes")
    return topic
