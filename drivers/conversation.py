"""Devices that answer what they are asked: a script asks, a link carries it.

A script is a generator that knows no link. It yields an item to hand on, bytes to write, or a
`Listen`, and is sent what was heard then: bytes, `Silence`, or None where nothing more can come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from enum import Enum
from typing import TypeVar

from drivers.spi import Item


class Listen(Enum):
    """What a script waits for."""

    ANSWER = "answer"
    ANYTHING = "anything"


class Silence(Enum):
    """A line went quiet; or the arrivals ended before an answer, and the device is still there."""

    QUIET = "quiet"
    STALLED = "stalled"


class Ended(Exception):
    """Raised by a script within itself when it is sent None."""


T = TypeVar("T")
Heard = bytes | Silence | None
Script = Generator[Item | bytes | Listen, Heard, T]


async def converse(
    script: Script[None],
    write: Callable[[bytes], Awaitable[None]],
    arrivals: AsyncIterator[bytes | Silence],
    stands: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Item]:
    """The items of `script`, to its end.

    `stands` is asked where the arrivals end before an answer: a link that still stands then has
    a device that stalls. It may raise LinkError for one that has left.
    """
    heard: Heard = None
    while True:
        try:
            step = script.send(heard)
        except StopIteration:
            return
        heard = None
        if isinstance(step, bytes):
            await write(step)
        elif isinstance(step, Listen):
            heard = await anext(arrivals, None)
            if heard is None and step is Listen.ANSWER and stands():
                heard = Silence.STALLED
        else:
            yield step
