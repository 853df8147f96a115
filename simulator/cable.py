"""A serial cable: a pty whose port is a link, as udev makes one for a USB cable.

Unplugged, the link is gone and the terminal behind it as well.
"""

from __future__ import annotations

import os
import random
import select
import tty
from contextlib import suppress
from pathlib import Path


class Cable:
    """Plugged in at `port`, a path that nothing else uses."""

    def __init__(self, port: Path, seed: int = 0) -> None:
        self.port = port
        self._dice = random.Random(seed)  # noqa: S311  noise on a simulated line
        self._ends: tuple[int, ...] = ()

    def plug(self) -> None:
        """Be there. The hub's end stays open here: a cable outlives whoever listens."""
        self._ends = hub, own = os.openpty()[::-1]
        tty.setraw(hub)
        os.set_blocking(own, False)
        self.port.symlink_to(os.ttyname(hub))

    def unplug(self) -> None:
        """Be gone, terminal and all."""
        self.port.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = ()

    def noise(self, size: int) -> bytes:
        """Send so many random bytes."""
        sent = self._dice.randbytes(size)
        self.write(sent)
        return sent

    def write(self, data: bytes) -> int:
        """Put bytes on the line; returns how many it took, the rest is lost."""
        if not self._ends:
            return 0
        with suppress(BlockingIOError):
            return os.write(self._ends[1], data)
        return 0

    def heard(self) -> bytes:
        """What was written to it."""
        if self._ends:
            with suppress(BlockingIOError):
                return os.read(self._ends[1], 4096)
        return b""

    def waits(self) -> bool:
        """Whether the hub has not taken all that was sent."""
        return bool(select.select([self._ends[0]], [], [], 0)[0]) if self._ends else False
