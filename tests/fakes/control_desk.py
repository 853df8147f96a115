"""A control socket on its own, with clients that behave as badly as they like."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Self

from gateway.control.server import Control, Limits
from gateway.control.socket_file import ControlSocket
from gateway.settings import ControlSettings

DEADLINE_S = 20


class Client:
    """Sends bytes and reads lines; leaving closes it."""

    def __init__(self, reader, writer) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, line: bytes) -> dict:
        self.writer.write(line + b"\n")
        return await self.hear()

    async def hear(self) -> dict:
        return json.loads(await self.reader.readuntil(b"\n"))

    async def hear_all(self) -> list[dict]:
        """Every line until the hub closes."""
        lines = []
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines.append(await self.hear())
        return lines

    def leave(self) -> None:
        self.writer.close()


class Tally(Counter[str]):
    """Says when something was counted."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def __setitem__(self, name: str, count: int) -> None:
        super().__setitem__(name, count)
        self.changed.set()


class ControlDesk:
    """Answers with `answer`; `asked` keeps each request with the uid of who asked."""

    def __init__(self, folder: Path, answer=None, **limits) -> None:
        self.path = folder / "control.sock"
        self.counts = Tally()
        self.asked = []
        self.limits = Limits(**limits)
        self._answer = answer or (lambda _: {"hub": "hub-1"})
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.socket = ControlSocket(ControlSettings(str(self.path)))
        self._stack.callback(self.socket.close)
        control = Control(self.socket.listener, self._note, self.counts, self.limits)
        self.running = asyncio.create_task(control.run())
        self._stack.push_async_callback(self._end)
        await self._stack.enter_async_context(asyncio.timeout(DEADLINE_S))
        return self

    async def __aexit__(self, *_) -> None:
        await self._stack.aclose()

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_unix_connection(str(self.path), limit=1 << 24))
        self._stack.callback(client.leave)
        return client

    async def counted(self, what: str, count: int) -> None:
        """Wait until it was counted so often."""
        while self.counts[what] != count:
            self.counts.changed.clear()
            await self.counts.changed.wait()

    async def _note(self, request, uid):
        self.asked.append((request, uid))
        answer = self._answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def _end(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            await self.running
