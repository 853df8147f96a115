"""One MQTT 5 connection over TLS 1.3, on the event loop.

paho-mqtt speaks the protocol; its sockets are watched by asyncio and its queue ends with the
connection. Reason codes come out as they are: only they tell a publish that the broker refused.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from uplink.errors import BrokerRefused, BrokerUnreachable
from uplink.tls import ResumingContext
from uplink.wire import MAX_MESSAGE_BYTES

REFUSED = 0x80  # MQTT 5.0, 2.4: reason codes from here up are failures
CLOSE_S = 2.0
CHECK_S = 60.0
TLS_HINT = "Check this hub's date and certificate, and that the broker's authority issued it."


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom; `client_id` is the hub's id, as its certificate says it."""

    host: str
    port: int
    client_id: str
    tls: ResumingContext
    keepalive_s: int = 1200
    connect_timeout_s: float = 10.0

    @property
    def endpoint(self) -> str:
        """host:port, for errors."""
        return f"{self.host}:{self.port}"


class Message(NamedTuple):
    """What the broker delivers."""

    topic: str
    payload: bytes
    is_retained: bool


class Connection:
    """Open until `lost` is done; its result is why. Get one from `Connection.open`.

    When it was lost, the broker had been silent for `quiet_s`: for longer than the keepalive where
    it left a ping without an answer.
    """

    def __init__(self, broker: Broker, on_message: Callable[[Message], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[BrokerUnreachable | BrokerRefused] = self._loop.create_future()
        self._broker = broker
        self._on_message = on_message
        self._answers: dict[int, asyncio.Future[int]] = {}  # by packet id; 0 is the CONNACK
        self._check_timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self.quiet_s = 0.0
        self._client = Client(CallbackAPIVersion.VERSION2, broker.client_id, protocol=MQTTv5)
        self._client.connect_timeout = broker.connect_timeout_s
        self._client.tls_set_context(broker.tls)

    @classmethod
    async def open(
        cls,
        broker: Broker,
        on_message: Callable[[Message], None],
        will: tuple[str, bytes] | None = None,
    ) -> Self:
        """Connect; `will` is (topic, payload), published retained when the connection ends.

        Raises BrokerUnreachable, and BrokerRefused with the broker's reason code.
        """
        link = cls(broker, on_message)
        if will:
            link._client.will_set(*will, qos=1, retain=True)
        try:
            await link._connect()
        except BaseException:
            broker.tls.session = None  # it may be the cause: the next attempt is a full handshake
            link._drop("given up")
            raise
        return link

    async def subscribe(self, topic: str) -> None:
        """Ask for `topic` with QoS 0 and the retain flag as published. Raises BrokerRefused.

        What comes is not acknowledged: a PUBACK costs more than it saves where the session ends
        with the connection and whatever is lost is sent again (ADR 5).
        """
        options = SubscribeOptions(qos=0, retainAsPublished=True)
        _, mid = self._client.subscribe(topic, options=options)
        await self._accepted(self._expect(mid), f"subscription to {topic}")

    def publish(
        self, topic: str, payload: bytes, *, is_retained: bool = False
    ) -> asyncio.Future[int]:
        """Hand one message with QoS 1 to the socket; the future is the PUBACK's reason code.

        It is cancelled when the connection ends before the PUBACK.
        """
        mid = self._client.publish(topic, payload, qos=1, retain=is_retained).mid
        return self._expect(mid)

    async def close(self) -> None:
        """Disconnect, which publishes the will."""
        if not self.lost.done():
            self._client.disconnect(
                ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
            )
            self._client.loop_write()
            await asyncio.wait([self.lost], timeout=CLOSE_S)
        self._drop("closed")

    async def _connect(self) -> None:
        broker = self._broker
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES
        connect = partial(self._client.connect, clean_start=True, properties=properties)
        connecting = self._loop.run_in_executor(
            None, connect, broker.host, broker.port, broker.keepalive_s
        )
        try:
            await asyncio.shield(connecting)
        except OSError as error:
            hint = TLS_HINT if isinstance(error, ssl.SSLError) else ""
            raise self._unreachable(str(error), hint) from error
        except asyncio.CancelledError:
            connecting.add_done_callback(self._drop_late)
            raise
        sock = self._watch()
        await self._accepted(self._expect(0), "connection")
        broker.tls.session = sock.session

    def _watch(self) -> ssl.SSLSocket:
        """Take over from the connecting thread; before, no callback would come in this one."""
        client = self._client
        sock = client.socket()
        if not isinstance(sock, ssl.SSLSocket):
            raise self._unreachable("closed after the handshake", TLS_HINT)
        client.on_connect = lambda _c, _u, _flags, reason, _p: self._answer(0, reason)
        client.on_disconnect = self._on_disconnect
        client.on_publish = lambda _c, _u, mid, reason, _p: self._answer(mid, reason)
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._answer(mid, reasons[0])
        client.on_message = self._deliver
        client.on_socket_close = lambda _c, _u, _s: self._ignore(sock)
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._want_no_write
        self._loop.add_reader(sock, self._read)
        self._check()
        return sock

    def _read(self) -> None:
        self._client.loop_read()
        # One TLS record holds many packets, and what is decrypted does not wake the loop.
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()
        self._heard_at = self._loop.time()

    def _check(self) -> None:
        self._client.loop_misc()
        if not self.lost.done():
            delay_s = min(CHECK_S, self._client.keepalive / 4)
            self._check_timer = self._loop.call_later(delay_s, self._check)

    def _expect(self, mid: int | None) -> asyncio.Future[int]:
        answer: asyncio.Future[int] = self._loop.create_future()
        if mid is None or self.lost.done():
            answer.cancel()
        else:
            self._answers[mid] = answer
            self._client.loop_write()
        return answer

    def _answer(self, mid: int, reason: ReasonCode) -> None:
        answer = self._answers.pop(mid, None)
        if answer and not answer.done():
            answer.set_result(reason.value)

    async def _accepted(self, answer: asyncio.Future[int], what: str) -> None:
        timeout_s = self._broker.connect_timeout_s
        either: list[asyncio.Future[Any]] = [answer, self.lost]
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and not answer.cancelled():
            if answer.result() >= REFUSED:
                raise BrokerRefused(answer.result(), what)
        elif self.lost.done():
            raise self.lost.result()
        else:
            raise self._unreachable(f"silent for {timeout_s:g} s")

    def _want_write(self, _c: Client, _u: Any, sock: Any) -> None:
        self._loop.add_writer(sock, self._client.loop_write)

    def _want_no_write(self, _c: Client, _u: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _deliver(self, _c: Client, _u: Any, message: MQTTMessage) -> None:
        # Later: who publishes from within paho's callback waits for itself.
        received = Message(message.topic, bytes(message.payload), message.retain)
        self._loop.call_soon(self._on_message, received)

    def _on_disconnect(self, _c: Client, _u: Any, flags: Any, reason: ReasonCode, _p: Any) -> None:
        if flags.is_disconnect_packet_from_server and reason.value >= REFUSED:
            self._end(BrokerRefused(reason.value, "disconnected by the broker"))
        else:
            # TLS 1.3 tells of a refused certificate only after the handshake.
            hint = TLS_HINT if 0 in self._answers else ""
            self._end(self._unreachable("the connection was lost", hint))

    def _end(self, why: BrokerUnreachable | BrokerRefused) -> None:
        if self._check_timer:
            self._check_timer.cancel()
        for answer in self._answers.values():
            answer.cancel()
        if not self.lost.done():
            self.quiet_s = self._loop.time() - self._heard_at
            self.lost.set_result(why)

    def _drop(self, what: str) -> None:
        """Close the socket ourselves, where paho does not."""
        if sock := self._client.socket():
            self._ignore(sock)
            sock.close()
        self._end(self._unreachable(what))

    def _drop_late(self, connecting: asyncio.Future[Any]) -> None:
        connecting.exception()
        self._drop("given up")

    def _unreachable(self, what: str, hint: str = "") -> BrokerUnreachable:
        error = BrokerUnreachable(self._broker.endpoint, what)
        error.hint = hint or error.hint
        return error

    def _ignore(self, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
