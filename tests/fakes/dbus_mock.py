"""ModemManager and NetworkManager on a private bus: python-dbusmock, run by the system's python."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import suppress

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

PYTHON = "/usr/bin/python3"  # Debian's python3-dbusmock: `make dbusmock`
BUS = "org.freedesktop.DBus"
MOCK = "org.freedesktop.DBus.Mock"
PROPERTIES = "org.freedesktop.DBus.Properties"


class MockService:
    """One mocked service, in a process of its own, from `start` to `stop`."""

    def __init__(self, address: str, name: str, *options: str) -> None:
        self.name = name
        self._address = address
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Return once it has its name on the bus."""
        self._bus = await MessageBus(self._address).connect()
        named = asyncio.Event()
        self._bus.add_message_handler(
            lambda message: named.set() if message.member == "NameOwnerChanged" else None
        )
        rule = f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{self.name}'"
        await self._call(BUS, "/org/freedesktop/DBus", BUS, "AddMatch", "s", rule)
        self._process = subprocess.Popen(  # noqa: ASYNC220  it does not wait for it
            [PYTHON, "-m", "dbusmock", "--system", *self._options],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._address},
            stdout=subprocess.DEVNULL,
        )
        async with asyncio.timeout(20):
            await named.wait()

    async def stop(self) -> None:
        """As where it is killed: nobody is told but by the bus, of the lost name."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._bus.disconnect()
            with suppress(EOFError):
                await self._bus.wait_for_disconnect()
        self._process = None

    async def add(self, path: str, interfaces: dict[str, dict[str, Variant]], methods=()) -> None:
        """An object; of `methods` each is (interface, name, in, out, what it does in Python)."""
        (first, properties), *others = interfaces.items()
        await self.mock("/", "AddObject", "ssa{sv}a(ssss)", path, first, properties, [])
        for interface, values in others:
            await self.mock(path, "AddProperties", "sa{sv}", interface, values)
        for each in methods:
            await self.mock(path, "AddMethod", "sssss", *each)

    async def change(self, path: str, interface: str, **values: Variant) -> None:
        for name, value in values.items():
            await self._call(self.name, path, PROPERTIES, "Set", "ssv", interface, name, value)

    async def calls(self, path: str) -> list[tuple[str, list]]:
        """What was called on this object since it was added: name and arguments."""
        [told] = await self.mock(path, "GetCalls", "")
        return [(name, [each.value for each in args]) for _, name, args in told]

    async def mock(self, path: str, member: str, signature: str, *body: object) -> list:
        """Steer the mock; of a service without an object manager at "/" its own path is meant."""
        where = self._root if path == "/" else path
        return await self._call(self.name, where, MOCK, member, signature, *body)

    @property
    def _root(self) -> str:
        return "/" + self.name.replace(".", "/") if "--template" not in self._options else ROOT

    async def _call(self, to, path, interface, member, signature, *body) -> list:
        call = Message(to, path, interface, member, signature=signature, body=list(body))
        reply = await self._bus.call(call)
        assert reply.message_type is not MessageType.ERROR, (member, reply.body)
        return reply.body


ROOT = "/org/freedesktop"  # of NetworkManager's ObjectManager
