"""Serial ports: for each enrolled device its port is looked for, and its session held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from drivers.errors import PortUnusable
from gateway.devices import Socket
from gateway.link import Link
from gateway.links.serial_link import Bench, PortLink
from gateway.sessions import Sessions

LAST_WORDS_S = 5.0  # what drivers have in hand when the hub stops


class Ports:
    """Serves serial devices for as long as it runs; what is unplugged is looked for."""

    def __init__(self, bench: Bench, sessions: Iterable[Sessions]) -> None:
        self._bench = bench
        self._sessions = list(sessions)
        self._links: set[PortLink] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve devices until cancelled; then drivers hand on what they have in hand.

        Raises only what broke the outbox.
        """
        tasks = [asyncio.create_task(self._serve(each)) for each in self._sessions]
        try:
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stopping.set()
            for link in self._links:
                link.end()
            if tasks:
                await asyncio.wait(tasks, timeout=LAST_WORDS_S)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if error:
                raise error

    async def _serve(self, sessions: Sessions) -> None:
        socket = sessions.device.socket
        assert socket is not None
        while not self._stopping.is_set():
            paths = self._find(socket)
            if not paths:
                sessions.note_away()
            elif sessions.claim():
                await sessions.hold(self._connect(sessions, paths))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bench.look_s):
                    await self._stopping.wait()

    @asynccontextmanager
    async def _connect(self, sessions: Sessions, paths: Sequence[str]) -> AsyncIterator[Link]:
        device = sessions.device
        if len(paths) > 1:
            raise PortUnusable(device.name, f"{len(paths)} cables are alike")
        link = PortLink(self._bench, device, paths[0], sessions.note_present)
        async with link:
            self._links.add(link)
            try:
                yield link
            finally:
                self._links.discard(link)

    def _find(self, socket: Socket) -> list[str]:
        if socket.port:
            return [socket.port] if Path(socket.port).exists() else []
        with suppress(OSError):  # a cable that is pulled while it is looked at
            return [
                found.device
                for found in self._bench.list_ports()
                if found.vid is not None
                and f"{found.vid:04x}:{found.pid:04x}" == socket.usb
                and socket.usb_serial in ("", found.serial_number)
            ]
        return []
