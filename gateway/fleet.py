"""The devices that the hub serves at present; they come and go while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NoReturn

from gateway.devices import Device
from gateway.errors import DeviceUnknown
from gateway.links.ble import Central
from gateway.sessions import Sessions

ServePort = Callable[[Sessions], Coroutine[Any, Any, None]]


class Fleet:
    """Sessions with each device: over the air by the central, over a wire by a task of its own."""

    def __init__(
        self,
        central: Central,
        devices: Iterable[Device],
        make_sessions: Callable[[Device], Sessions],
        serve_port: ServePort,
    ) -> None:
        self.central = central
        self.sessions: list[Sessions] = []
        self._make = make_sessions
        self._serve_port = serve_port
        self._ports: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        for device in devices:
            self.adopt(device)

    async def run(self) -> NoReturn:
        """Serve wired devices until cancelled. Raises only what broke the outbox."""
        async with asyncio.TaskGroup() as self._tasks:
            for sessions in self.sessions:
                self._start(sessions)
            await asyncio.get_running_loop().create_future()
        raise AssertionError("it is only ever cancelled")

    def adopt(self, device: Device) -> Sessions:
        """Serve one more device from here on."""
        sessions = self._make(device)
        self.sessions.append(sessions)
        if not device.socket:
            self.central.adopt(sessions)
        self._start(sessions)
        return sessions

    async def release(self, name: str) -> Device:
        """Serve a device no more; what has come of it is recorded. Raises DeviceUnknown."""
        sessions = self.find(name)
        self.sessions.remove(sessions)
        if task := self._ports.pop(name, None):
            task.cancel()
            await asyncio.wait({task})
        elif not sessions.device.socket:
            await self.central.release(sessions.device.address)
        return sessions.device

    def find(self, name: str) -> Sessions:
        """The sessions with the device of this name. Raises DeviceUnknown."""
        for sessions in self.sessions:
            if sessions.device.name == name:
                return sessions
        raise DeviceUnknown(name)

    def has(self, name: str) -> bool:
        """Whether a device of this name is served."""
        return any(sessions.device.name == name for sessions in self.sessions)

    def at(self, address: str) -> Sessions | None:
        """The sessions with the device of this address."""
        found = (s for s in self.sessions if s.device.address == address and address)
        return next(found, None)

    def _start(self, sessions: Sessions) -> None:
        if sessions.device.socket and self._tasks:
            work = self._serve_port(sessions)
            self._ports[sessions.device.name] = self._tasks.create_task(work)
