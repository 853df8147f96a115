"""The system's manager on a private bus, for one service: it ends it and starts it."""

from __future__ import annotations

import asyncio

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus


class FakeSystemd:
    """Restarts a `service` that can `stop` and `start`, unless polkit `forbids` it."""

    def __init__(self, address: str, service) -> None:
        self.asked: list[list[str]] = []
        self.forbids = False
        self._address = address
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._on_message)
        await self._bus.request_name("org.freedesktop.systemd1")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._bus.disconnect()

    def _on_message(self, message: Message):
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        self.asked.append([message.member, *message.body])
        if self.forbids:
            name = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
            return Message.new_error(message, name, "Interactive authentication required.")
        task = asyncio.create_task(self._restart())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Message.new_method_return(message, "o", ["/org/freedesktop/systemd1/job/1"])

    async def _restart(self) -> None:
        await asyncio.sleep(1)  # the job is queued first
        await self._service.stop()
        await asyncio.sleep(2)
        await self._service.start()
