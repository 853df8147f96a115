"""What is asked of systemd: to start a service anew.

A polkit rule (systemd/49-vitalpost-bluetooth.rules) lets the hub's user do this to one unit.
Source: org.freedesktop.systemd1(5), RestartUnit
"""

from __future__ import annotations

import asyncio

from bleak.exc import BleakDBusError
from dbus_fast.aio import MessageBus
from dbus_fast.constants import BusType, MessageType
from dbus_fast.message import Message

ANSWER_S = 10.0


async def restart_unit(unit: str) -> None:
    """Have systemd restart it; what runs of it goes a moment later. Raises what D-Bus raises.

    Over a connection of its own: ours to bluetoothd may be what is stuck.
    """
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        async with asyncio.timeout(ANSWER_S):
            await bus.connect()
            reply = await bus.call(
                Message(
                    destination="org.freedesktop.systemd1",
                    path="/org/freedesktop/systemd1",
                    interface="org.freedesktop.systemd1.Manager",
                    member="RestartUnit",
                    signature="ss",
                    body=[unit, "replace"],
                )
            )
    finally:
        bus.disconnect()  # it holds a socket from the start
    if reply.message_type is MessageType.ERROR:
        raise BleakDBusError(reply.error_name or "", reply.body)
