"""How a device is heard: what it says of itself, its clock, its battery, and then its frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Protocol

from drivers import device_clock, device_information
from drivers.errors import DecodeError, LinkError
from drivers.quirks import setting_of
from drivers.spi import Frame, GattLink, Item, Undecodable


class Ear(Protocol):
    """What makes items of frames, and may hold some back until it has heard more."""

    def hear(self, frame: Frame, at_ms: int) -> Iterable[Item]:
        """The items that the frame completes. Raises DecodeError."""

    def end(self) -> Iterable[Item]:
        """What waited for more."""


class Each:
    """An ear that makes one item of every frame by itself."""

    def __init__(self, decode: Callable[[bytes], Item]) -> None:
        self._decode = decode

    def hear(self, frame: Frame, _at_ms: int) -> Iterator[Item]:
        """The item."""
        yield self._decode(frame.data)

    def end(self) -> tuple[Item, ...]:
        """Nothing."""
        return ()


async def listen(
    link: GattLink, characteristics: Iterable[str], ear: Ear
) -> AsyncIterator[Item]:
    """All that the device tells in one session; of `characteristics` it may lack any.

    What the ear holds is handed on also where the link breaks.
    """
    async for said in device_information.read(link):
        yield said
    frames = link.subscribe(*filter(link.offers, characteristics))
    async for fact in device_clock.adjust(link, setting_of(link.name)):
        yield fact
    async for level in device_information.read_battery(link):
        yield level
    fault: LinkError | None = None
    try:
        async for frame in frames:
            for item in hear(ear, frame, link.heard_ms(frame.source)):
                yield item
    except LinkError as error:
        fault = error
    for item in ear.end():
        yield item
    if fault:
        raise fault


def hear(ear: Ear, frame: Frame, at_ms: int) -> Iterator[Item]:
    """The items of one frame; an `Undecodable` where it says nothing that can be understood."""
    try:
        yield from ear.hear(frame, at_ms)
    except DecodeError as error:
        yield Undecodable(error, (frame,))
