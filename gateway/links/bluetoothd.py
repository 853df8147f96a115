"""Our own connection to bluetoothd, beside bleak's: bleak has no agent, and does not see it go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)
from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageType
from dbus_fast.message import Message

from gateway.links.adapters import ADAPTER, Objects
from gateway.links.agent import AGENT, AGENT_PATH, CAPABILITY, Agent

BLUEZ = "org.bluez"
AGENTS = "org.bluez.AgentManager1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
BUS = "org.freedesktop.DBus"
ANSWER_S = 10.0  # what takes longer, pairing and connecting, is bleak's

RULES = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',member='InterfacesRemoved'",
)


class Bluetoothd:
    """Registers the agent, asks what bleak does not, and says when bluetoothd or power has gone.

    `path` is the adapter's, `owner` who serves it: after a restart it is another one.
    """

    def __init__(self, path: str, agent: Agent) -> None:
        self.path = path
        self.owner = ""
        self._agent = agent
        self._bus: MessageBus | None = None
        self._ending: asyncio.Task[None] | None = None
        self._loss = asyncio.Event()

    async def open(self) -> Objects:
        """Connect and register the agent; all that bluetoothd has, by path, interface and name.

        Raises BleakError and what D-Bus raises.
        """
        if self._bus is None or not self._bus.connected:
            self._bus, self.owner = await self._connect(), ""
            self._ending = asyncio.create_task(self._note_end(self._bus))
        self._loss.clear()
        objects = await self.objects()  # which also starts a bluetoothd that has died
        owner = await self.find_owner()
        if owner != self.owner:
            self.owner = owner
            with_capability = [AGENT_PATH, CAPABILITY]
            await self.ask("/org/bluez", AGENTS, "RegisterAgent", "os", with_capability)
            await self.ask("/org/bluez", AGENTS, "RequestDefaultAgent", "o", [AGENT_PATH])
        return objects

    async def close(self) -> None:
        """Unregister the agent and disconnect."""
        if self._bus and self._bus.connected:
            with suppress(BleakError, TimeoutError, EOFError, OSError):
                await self.ask("/org/bluez", AGENTS, "UnregisterAgent", "o", [AGENT_PATH])
            self._bus.disconnect()
        self._bus, self.owner = None, ""

    async def find_owner(self) -> str:
        """Who serves org.bluez at this moment. Raises BleakError where nobody does."""
        [owner] = await self.ask("/", BUS, "GetNameOwner", "s", [BLUEZ], to=BUS)
        return str(owner)

    async def objects(self) -> Objects:
        """All that bluetoothd has at this moment."""
        [objects] = await self.ask("/", OBJECTS, "GetManagedObjects")
        return cast(Objects, objects)

    async def watch(self) -> None:
        """Raise BleakBluetoothNotAvailableError.

        When the bus goes, bluetoothd, the adapter or its power.
        """
        await self._loss.wait()
        raise _gone()

    async def ask(  # noqa: PLR0913, PLR0917  the parts of a D-Bus call
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        to: str = BLUEZ,
    ) -> list[Any]:
        """What is answered. Raises BleakError, TimeoutError, and what D-Bus raises."""
        if self._bus is None:
            raise _gone()
        call = Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        async with asyncio.timeout(ANSWER_S):
            reply = await self._bus.call(call)
        if reply.message_type is MessageType.ERROR:
            raise BleakDBusError(reply.error_name or "", reply.body)
        return list(reply.body)

    async def _connect(self) -> MessageBus:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            await bus.connect()
            bus.add_message_handler(self._on_message)
            self._bus = bus
            for rule in RULES:
                await self.ask("/org/freedesktop/DBus", BUS, "AddMatch", "s", [rule], to=BUS)
        except BaseException:
            self._bus = None
            bus.disconnect()  # it holds a socket from the start
            raise
        return bus

    async def _note_end(self, bus: MessageBus) -> None:
        with suppress(EOFError, OSError, ValueError):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast says none
        if self._bus is bus:
            self._loss.set()

    def _on_message(self, message: Message) -> Message | None:
        if message.message_type is MessageType.METHOD_CALL:
            is_bluez = message.sender == self.owner and message.interface == AGENT
            return self._agent.answer(message) if is_bluez else None
        if message.member == "NameOwnerChanged" and message.sender == BUS:
            self._loss.set()
        elif message.member == "InterfacesRemoved":
            if message.body[0] == self.path:
                self._loss.set()
        elif message.member == "PropertiesChanged" and message.path == self.path:
            powered = message.body[1].get("Powered")
            if powered and not powered.value:
                self._loss.set()
        return None


def _gone() -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError(
        "bluetoothd or the adapter's power has gone", BleakBluetoothNotAvailableReason.UNKNOWN
    )
