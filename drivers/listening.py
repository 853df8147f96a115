"""How a device is heard: what it says of itself, its clock, its battery, and then its frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Protocol

from drivers import device_clock, device_information
from drivers.errors import DecodeError, LinkError, LinkLost, UnexpectedReply
from drivers.quirks import setting_of
from drivers.record_access import CONTROL_POINT, UNABLE, RequestRefused, ask
from drivers.spi import DeviceEvent, Frame, GattLink, Item, Undecodable


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
    link: GattLink, characteristics: Iterable[str], ear: Ear, asked: bytes = b""
) -> AsyncIterator[Item]:
    """All that the device tells in one session; of `characteristics` it may lack any.

    Its memory is `asked` for, where it has one. What the ear holds is handed on also where the link
    breaks.
    """
    async for said in device_information.read(link):
        yield said
    heard = (*characteristics, CONTROL_POINT) if asked else characteristics
    frames = link.subscribe(*filter(link.offers, heard))
    fault: LinkLost | None = None
    try:
        async for fact in device_clock.adjust(link, setting_of(link.name)):
            yield fact
        async for level in device_information.read_battery(link):
            yield level
    except LinkLost as error:
        # What has come meanwhile was confirmed to the device: it will not send that again.
        fault, asked = error, b""
    async for item in hear_all(link, frames, ear, asked):
        yield item
    if fault:
        raise fault


async def hear_all(
    link: GattLink, frames: AsyncIterator[Frame], ear: Ear, asked: bytes = b""
) -> AsyncIterator[Item]:
    """What the ear makes of the device's memory and of what it sends then, until it leaves."""
    fault: LinkError | None = None
    try:
        if asked and link.offers(CONTROL_POINT):
            async for item in _fetch(link, frames, ear, asked):
                yield item
        async for frame in frames:
            for item in _hear(link, ear, frame):
                yield item
    except LinkError as error:
        fault = error
    for item in ear.end():
        yield item
    if fault:
        raise fault


async def _fetch(
    link: GattLink, frames: AsyncIterator[Frame], ear: Ear, asked: bytes
) -> AsyncIterator[Item]:
    """What comes until the device has answered; that it has no memory is no fault."""
    try:
        async for each in ask(link, frames, asked):
            if isinstance(each, Frame):
                for item in _hear(link, ear, each):
                    yield item
    except DecodeError as error:
        yield Undecodable(error, (Frame(CONTROL_POINT, error.frame),))
    except RequestRefused as error:
        if error.outcome not in UNABLE:
            raw = (Frame(CONTROL_POINT, error.got),)
            yield DeviceEvent("records-refused", raw, facts={"outcome": error.outcome})
    except UnexpectedReply:
        return  # it fell silent or answered something else: what it stores it offers again


def _hear(link: GattLink, ear: Ear, frame: Frame) -> Iterator[Item]:
    """The items of one frame; an `Undecodable` where it says nothing that can be understood."""
    try:
        yield from ear.hear(frame, link.heard_ms(frame.source))
    except DecodeError as error:
        yield Undecodable(error, (frame,))
