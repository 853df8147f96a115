"""The link between a hub and its broker: counted, and as slow and as far as it is told to be.

Bytes are counted twice: what TCP carried, and with the headers of IP and TCP that the kernel's own
count of segments implies (linux/tcp.h, struct tcp_info).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Self

HEADERS_BYTES = 20 + 32  # IPv4, and TCP with its time stamps
SEGMENTS = struct.Struct("=136xII")  # tcpi_segs_out, tcpi_segs_in
CHUNK_BYTES = 2048
MTU_PAYLOAD_BYTES = 1448


class Shape(NamedTuple):
    """Bits a second each way (0: as they come), and how long a byte is under way."""

    bits_per_s: float = 0.0
    delay_s: float = 0.0

    def shortest_s(self, payload_bytes: int) -> float:
        """How long the link needs at least for so many bytes in full segments, headers included."""
        segments = -(-payload_bytes // MTU_PAYLOAD_BYTES)
        return 8 * (payload_bytes + segments * HEADERS_BYTES) / self.bits_per_s + self.delay_s


class Traffic(NamedTuple):
    """What has passed: payload up and down, and both with their headers."""

    up: int
    down: int
    on_ip: int

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(*(now - then for now, then in zip(self, earlier, strict=True)))


class Link:
    """Listens on a free loopback port; while `is_open`, what connects is taken to the target.

    While it `is_silent`, and from `silent_after_bytes` up on, what is sent vanishes and nobody is
    told, as in a dead spot.
    """

    def __init__(self, target_port: int, shape: Shape = Shape()) -> None:  # noqa: B008  immutable
        self.is_open = True
        self.is_silent = False
        self.silent_after_bytes: int | None = None
        self.port = 0
        self.opened_at = 0.0
        self.last_at = 0.0
        self._target_port = target_port
        self._shape = shape
        self._up = self._down = self._ended_on_ip = 0
        self._clients: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in [*self._writers]:
            writer.close()

    def traffic(self) -> Traffic:
        """All that has passed until now."""
        on_ip = self._ended_on_ip + sum(_headers(client) for client in self._clients)
        return Traffic(self._up, self._down, self._up + self._down + on_ip)

    def heal(self) -> None:
        """Carry again; connections that lost bytes are broken, as TCP finds out in the end."""
        self.is_silent = False
        for writer in [*self._writers]:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            writer.close()
            return
        self.opened_at = self.opened_at or time.monotonic()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._clients.add(writer)
        self._writers |= {writer, up_writer}
        await asyncio.gather(
            self._carry(reader, up_writer, self._count_up),
            self._carry(up_reader, writer, self._count_down),
        )
        self._clients.discard(writer)
        self._writers -= {writer, up_writer}

    def _count_up(self, size: int) -> None:
        self._up += size

    def _count_down(self, size: int) -> None:
        self._down += size

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        count: Callable[[int], None],
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        landing = asyncio.create_task(self._land(under_way, writer))
        rate, delay_s = self._shape
        free_at = 0.0
        try:
            while chunk := await reader.read(CHUNK_BYTES if rate else 65_536):
                self.last_at = now = time.monotonic()
                if self.silent_after_bytes is not None and self._up > self.silent_after_bytes:
                    self.is_silent, self.silent_after_bytes = True, None
                if self.is_silent:
                    continue
                count(len(chunk))
                if rate:
                    segments = -(-len(chunk) // MTU_PAYLOAD_BYTES)
                    on_ip = len(chunk) + segments * HEADERS_BYTES
                    free_at = max(free_at, now) + 8 * on_ip / rate
                    await _until(free_at)
                await under_way.put((time.monotonic() + delay_s, chunk))
        except OSError:
            pass
        finally:
            await under_way.put((0.0, b""))
            await landing
            if writer in self._clients:
                self._ended_on_ip += _headers(writer)
            writer.close()

    async def _land(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while (item := await under_way.get())[1]:
            at, chunk = item
            if self._shape.delay_s:
                await _until(at)
            try:
                writer.write(chunk)
                await writer.drain()
            except OSError:
                continue


def _until(at: float) -> Awaitable[None]:
    return asyncio.sleep(max(0.0, at - time.monotonic()))


def _headers(client: asyncio.StreamWriter) -> int:
    sock: socket.socket | None = client.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return 0
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SEGMENTS.size)
    out, came = SEGMENTS.unpack(info)
    return int(out + came) * HEADERS_BYTES
