"""Somebody else at the broker: one MQTT 5 connection, as bytes, by any certificate it takes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Self

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, PINGREQ = 0x10, 0x20, 0x30, 0x82, 0xC0
QOS_1, RETAIN = 0x02, 0x01
KEEP_ALIVE_S = 600


class Client:
    """Publishes at any pace and keeps the payloads of what it hears."""

    def __init__(self, port: int, name: str, ca: Path, certificate: Path, key: Path) -> None:
        self.heard: list[bytes] = []
        self._port = port
        self._name = name
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(certificate, key)
        self._packet_id = 0

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context
        )
        flags, properties = 0x02, b"\0"
        head = _text("MQTT") + bytes([5, flags]) + KEEP_ALIVE_S.to_bytes(2) + properties
        self._writer.write(_packet(CONNECT, head + _text(self._name)))
        if (await reader.readexactly(1))[0] != CONNACK:
            raise RuntimeError("the broker did not take the client")
        await reader.readexactly(await _length(reader))
        self._hearing = asyncio.create_task(self._hear(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearing.cancel()
        self._writer.close()

    def subscribe(self, topic: str) -> None:
        """With QoS 0: it answers nothing."""
        self._packet_id += 1
        body = self._packet_id.to_bytes(2) + b"\0" + _text(topic) + b"\0"
        self._writer.write(_packet(SUBSCRIBE, body))

    async def publish(self, topic: str, *payloads: bytes, is_retained: bool = False) -> None:
        """With QoS 1, waiting for no PUBACK."""
        packets = []
        for payload in payloads:
            self._packet_id = self._packet_id % 65535 + 1
            head = _text(topic) + self._packet_id.to_bytes(2) + b"\0"
            packets.append(_packet(PUBLISH | QOS_1 | RETAIN * is_retained, head + payload))
        self._writer.write(b"".join(packets))
        await self._writer.drain()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while True:
            [kind] = await reader.readexactly(1)
            body = await reader.readexactly(await _length(reader))
            if kind & 0xF0 == PUBLISH:
                topic = 2 + int.from_bytes(body[:2])
                self.heard.append(body[topic + 1 + body[topic] :])


async def _length(reader: asyncio.StreamReader) -> int:
    length, shift = 0, 0
    while True:
        [byte] = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length


def _packet(kind: int, body: bytes) -> bytes:
    length, left = b"", len(body)
    while True:
        left, low = left >> 7, left & 0x7F
        length += bytes([low | 0x80 * bool(left)])
        if not left:
            return bytes([kind]) + length + body


def _text(text: str) -> bytes:
    return len(text).to_bytes(2) + text.encode()
