"""A TCP proxy that counts every byte between a hub and its broker, and can fall silent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class CountingProxy:
    """Listens on a free loopback port and forwards to `target_port`; refuses while that is away.

    While it `is_silent` it takes every byte and passes none on, and no connection ends: as a link
    that has died. What was open then stays dead; `bytes_swallowed` counts.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.bytes_up = 0
        self.bytes_down = 0
        self.bytes_swallowed = 0
        self.is_silent = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.is_silent:
            await self._swallow(reader)
            self._drop(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(up_writer)
        await asyncio.gather(
            self._pump(reader, up_writer, up=True), self._pump(up_reader, writer, up=False)
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        try:
            while chunk := await reader.read(65536):
                if self.is_silent:
                    self.bytes_swallowed += len(chunk)
                    await self._swallow(reader)
                    break
                if up:
                    self.bytes_up += len(chunk)
                else:
                    self.bytes_down += len(chunk)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._drop(writer)

    def hang_up(self) -> None:
        """End every connection."""
        for writer in list(self._writers):
            writer.close()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                self.bytes_swallowed += len(chunk)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
