"""What systemd is told: sd_notify(3) and its watchdog, without its library."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress


class Notifier:
    """Tells the service manager, where there is one: `NOTIFY_SOCKET` and `WATCHDOG_USEC` say."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]  # an abstract socket
        is_watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if is_watched else 0

    def ready(self, status: str) -> None:
        """Started up: devices are looked for and records are kept."""
        self._tell(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={text}")

    def stopping(self) -> None:
        """On the way down."""
        self._tell("STOPPING=1")

    async def watch(self, is_alive: Callable[[], Awaitable[bool]]) -> None:
        """Feed the watchdog, four times in its span, whenever the hub is proved to live."""
        while self._watchdog_s:
            if await is_alive():
                self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 4)

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # A manager that does not listen must not stop the hub.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setblocking(False)
            manager.sendto(state.encode(), self._address)
