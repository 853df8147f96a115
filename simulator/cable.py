"""A serial cable between a device and a hub: a pty behind a symbolic link, as udev makes one.

Unplugged, the link is gone and the terminal behind it as well.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import tty
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

CHUNK = 4096


class Cable:
    """Ends at `port`, a path that nothing else uses; plugged in it is there for a hub to open."""

    def __init__(self, port: Path, seed: int = 0) -> None:
        self.port = port
        self._dice = random.Random(seed)  # noqa: S311  noise on a simulated line
        self._ends: tuple[int, ...] = ()
        self._hear: Callable[[bytes], None]
        self._loop: asyncio.AbstractEventLoop | None = None

    def where(self) -> Mapping[str, str]:
        """Its port."""
        return {"port": str(self.port)}

    def plug(self) -> None:
        """Be there. The hub's end stays open here: a cable outlives whoever listens."""
        self._ends = hub, own = os.openpty()[::-1]
        tty.setraw(hub)
        os.set_blocking(own, False)
        self.port.symlink_to(os.ttyname(hub))
        self._watch()

    def unplug(self) -> None:
        """Be gone, terminal and all."""
        self.port.unlink(missing_ok=True)
        if self._loop and self._ends:
            self._loop.remove_reader(self._ends[1])
        for end in self._ends:
            os.close(end)
        self._ends = ()

    def write(self, data: bytes) -> int:
        """Put bytes on the line; returns how many it took, the rest is lost."""
        if not self._ends:
            return 0
        with suppress(BlockingIOError):
            return os.write(self._ends[1], data)
        return 0

    def noise(self, size: int) -> bytes:
        """Send so many random bytes."""
        sent = self._dice.randbytes(size)
        self.write(sent)
        return sent

    def heard(self) -> bytes:
        """What was written to it."""
        with suppress(BlockingIOError, IndexError):
            return os.read(self._ends[1], CHUNK)
        return b""

    def waits(self) -> bool:
        """Whether the hub has not taken all that was sent."""
        return bool(select.select([self._ends[0]], [], [], 0)[0]) if self._ends else False

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """Call `hear` with what the hub writes, whenever it is plugged in from now on."""
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._watch()

    def _watch(self) -> None:
        if self._loop and self._ends:
            self._loop.add_reader(self._ends[1], lambda: self._hear(self.heard()))
