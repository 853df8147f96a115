"""Our own connection to bluetoothd, beside bleak's: bleak has no agent, and does not see it go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)
from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageType
from dbus_fast.message import Message

from gateway.links.agent import AGENT, AGENT_PATH, CAPABILITY, Agent

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
AGENTS = "org.bluez.AgentManager1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
BUS = "org.freedesktop.DBus"
ANSWER_S = 10.0  # what takes longer, pairing and connecting, is bleak's

RULES = (
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
)


class Bluetoothd:
    """Registers the agent, asks what bleak does not, and says when bluetoothd or power has gone."""

    def __init__(self, adapter: str, agent: Agent) -> None:
        self.path = f"/org/bluez/{adapter}"
        self._agent = agent
        self._bus: MessageBus | None = None
        self._owner = ""
        self._loss = asyncio.Event()

    async def open(self) -> None:
        """Connect and register the agent. Raises BleakError and what D-Bus raises."""
        if self._bus is None or not self._bus.connected:
            self._bus, self._owner = await self._connect(), ""
        self._loss.clear()
        [owner] = await self.ask("/", BUS, "GetNameOwner", "s", [BLUEZ], to=BUS)
        if owner != self._owner:
            self._owner = owner
            with_capability = [AGENT_PATH, CAPABILITY]
            await self.ask("/org/bluez", AGENTS, "RegisterAgent", "os", with_capability)
            await self.ask("/org/bluez", AGENTS, "RequestDefaultAgent", "o", [AGENT_PATH])

    async def close(self) -> None:
        """Unregister the agent and disconnect."""
        if self._bus and self._bus.connected:
            with suppress(BleakError, TimeoutError, EOFError, OSError):
                await self.ask("/org/bluez", AGENTS, "UnregisterAgent", "o", [AGENT_PATH])
            self._bus.disconnect()
        self._bus = None

    async def watch(self) -> None:
        """Raise BleakBluetoothNotAvailableError when bluetoothd goes, or the adapter's power."""
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

    def _on_message(self, message: Message) -> Message | None:
        if message.message_type is MessageType.METHOD_CALL:
            is_bluez = message.sender == self._owner and message.interface == AGENT
            return self._agent.answer(message) if is_bluez else None
        if message.member == "NameOwnerChanged" and message.sender == BUS:
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
