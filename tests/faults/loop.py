"""An event loop whose clock jumps to whatever is due next: 90 days in seconds, always alike.

What a file descriptor has ready comes first: signals, and who asks over a socket in this process.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class Jumping(selectors.DefaultSelector):
    """Waits for nothing: what is waited for passes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing is left that could happen")
        if ready := super().select(0):
            return ready
        self.now += max(0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0. What is sent to a thread is done on the spot, so nothing runs aside."""

    def __init__(self, jumping: Jumping | None = None) -> None:
        self._jumping = jumping or Jumping()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-6  # of a float that counts 90 days in seconds

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001  it is the awaiting task's
            done.set_exception(error)
        return done
