"""The system bus, asked what ModemManager and NetworkManager know; neither is started by asking."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageFlag, MessageType
from dbus_fast.errors import DBusFastError
from dbus_fast.message import Message
from dbus_fast.unpack import unpack_variants

from gateway.errors import NotAnswered
from gateway.network.values import Objects

OBJECTS = "org.freedesktop.DBus.ObjectManager"
ALL_OBJECTS = "a{oa{sa{sv}}}"
NOBODY = {
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
}
ANSWER_S = 10.0


class SystemBus:
    """Connected when it is first asked, and again when the bus had gone."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None

    async def find_objects(self, service: str, path: str) -> Objects | None:
        """All that a service shows, with plain values; None where it does not run."""
        try:
            body = await self.ask(service, path, OBJECTS, "GetManagedObjects", answer=ALL_OBJECTS)
        except NotAnswered as error:
            if error.reason in NOBODY:
                return None
            raise
        objects: Objects = unpack_variants(body[0])
        return objects

    async def ask(  # noqa: PLR0913, PLR0917  the parts of a D-Bus call
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        answer: str | None = None,
        seconds: float = ANSWER_S,
    ) -> list[Any]:
        """What is answered, of the signature `answer` where one is named. Raises NotAnswered."""
        try:
            call = Message(
                destination=service,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=list(body),
                flags=MessageFlag.NO_AUTOSTART,
            )
            async with asyncio.timeout(seconds):
                reply = await (await self._connect()).call(call)
        except (DBusFastError, OSError, EOFError) as error:
            self.close()
            raise NotAnswered(service, type(error).__name__) from error
        if reply is None or reply.message_type is MessageType.ERROR:
            raise NotAnswered(service, reply.error_name or "" if reply else "no reply")
        if answer is not None and reply.signature != answer:
            raise NotAnswered(service, f"answers {reply.signature!r}, not {answer!r}")
        return list(reply.body)

    def close(self) -> None:
        """Let go of the bus; the next question connects again."""
        if self._bus:
            self._bus.disconnect()
        self._bus = None

    async def _connect(self) -> MessageBus:
        if self._bus is None or not self._bus.connected:
            self.close()
            self._bus = MessageBus(bus_type=BusType.SYSTEM)  # it holds a socket from the start
            await self._bus.connect()
        return self._bus
