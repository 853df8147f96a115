"""Virtual time over a real message bus: it jumps only when nobody on the bus has anything to do.

That is so when none of this process's sockets holds what the daemon has not read, the daemon
sleeps because it has dealt with all that it has read, and nothing of its answers waits for us:
looked at in this order, what it did last has arrived.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from contextlib import suppress
from pathlib import Path

from tests.fakes.dbus_daemon import DbusDaemon
from tests.faults.loop import Jumping, VirtualLoop

LOOK_AGAIN_S = 0.0005


class BusJumping(Jumping):
    """`bus` is the daemon; while it does not run there is nothing to wait for."""

    bus: DbusDaemon | None = None

    def select(self, timeout=None):
        if events := self._look(0):
            return events
        while self.bus and self.bus.pid and not self._is_calm():
            if events := self._look(LOOK_AGAIN_S):
                return events
        if events := self._look(0):
            return events
        return super().select(timeout)

    def _look(self, timeout):
        return super(Jumping, self).select(timeout)

    def _is_calm(self):
        for key in list(self.get_map().values()):
            unread = struct.pack("i", 0)
            with suppress(OSError):  # no socket
                unread = fcntl.ioctl(key.fd, termios.TIOCOUTQ, unread)
            if struct.unpack("i", unread)[0]:
                return False
        try:
            state = Path(f"/proc/{self.bus.pid}/stat").read_text().rpartition(") ")[2][0]
        except FileNotFoundError:
            return True
        return state in "SZ"


class BusLoop(VirtualLoop):
    """`watch` the daemon once it runs."""

    def __init__(self) -> None:
        self._bus_jumping = BusJumping()
        super().__init__(self._bus_jumping)

    def watch(self, bus: DbusDaemon) -> None:
        self._bus_jumping.bus = bus
