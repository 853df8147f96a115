"""The air of a virtual home, with bleak's backends to it: what a radio and bluetoothd do to a hub.

It is an entry point of `vitalpost.radios`. Nothing here heals of its own accord but what a person
does to the adapter: each of the others stays until the hub takes the rung that ends it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from random import Random
from typing import Any, ClassVar, Protocol

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
)
from bleak.uuids import normalize_uuid_str

OPERATION_S = (0.02, 0.4)
CONNECT_S = (0.2, 2.0)
ANSWER_S = 10.0  # until a bluetoothd that hangs is given up
RESTART_S = 3.0
LOST, LEFT_BEHIND = 0.01, 0.5
UNUSED = "bleak declares it, and the hub never asks it of a link"

SCAN, LINKS, POWER, SERVICE = "scan", "links", "power", "service"


class Gadget(Protocol):
    """A device in the home, as the air has it."""

    name: str
    address: str
    is_bonded: bool
    characteristics: tuple[str, ...]

    def is_on_air(self) -> bool:
        """Whether it can be connected now."""

    async def read(self, characteristic: str) -> bytes:
        """The value."""

    async def write(self, link: Link, characteristic: str, value: bytes) -> None:
        """Take the value."""

    async def listen(self, link: Link, characteristic: str) -> None:
        """Somebody wants to hear of it."""


class Air:
    """Who hears whom. `deaf`, `busy` and `hung` name the rung that ends it, or are empty."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.deaf = self.busy = self.hung = ""
        self.is_plugged = self.is_served = True
        self.stale: set[str] = set()
        self.bonds: set[str] = set()
        self.removed_bonds = 0
        self.fates = Counter[str]()
        self.mended = Counter[str]()
        self.gadgets: dict[str, Gadget] = {}
        self.links: set[Link] = set()
        self.scanners: set[Scanner] = set()
        self._loss = asyncio.Event()

    def add(self, gadget: Gadget) -> None:
        self.gadgets[gadget.address] = gadget
        if gadget.is_bonded:
            self.bonds.add(gadget.address)

    @property
    def amiss(self) -> str:
        """The rung that it waits for, or nothing."""
        return self.deaf or self.busy or self.hung

    def advertise(self, address: str, name: str) -> None:
        """Heard by every scan, if any can hear."""
        is_linked = address in self.stale or any(link.address == address for link in self.links)
        if self.deaf or self.hung or is_linked or not (self.is_plugged and self.is_served):
            return
        for scanner in list(self.scanners):
            scanner.hear(address, name)

    def unplug(self) -> None:
        self.is_plugged = False
        self.stale.clear()
        self.lose()

    def plug_in(self) -> None:
        self.is_plugged = True

    def lose(self) -> None:
        """Whoever watches is told; all links are gone."""
        for link in list(self.links):
            link.drop()
        self._loss.set()
        self._loss = asyncio.Event()

    def forsake(self, radio: AirRadio) -> None:
        """The process is gone. BlueZ may keep the links that it had."""
        self.scanners = {each for each in self.scanners if each.radio is not radio}
        for link in [each for each in self.links if each.radio is radio]:
            link.forget()
            if self.happens("link left by a killed process", LEFT_BEHIND):
                self.stale.add(link.address)

    def happens(self, fate: str, probability: float) -> bool:
        """Whether it does; counted."""
        does = self.dice.random() < probability
        self.fates[fate] += does
        return does

    def take(self, rung: str) -> None:
        """What this rung ends, and all below it, is over."""
        order = (SCAN, LINKS, POWER, SERVICE)
        ended = order[: order.index(rung) + 1]
        for trouble in ("deaf", "busy", "hung"):
            if getattr(self, trouble) in ended:
                setattr(self, trouble, "")
                self.mended[rung] += 1

    async def wait_for_loss(self) -> None:
        await self._loss.wait()


class AirRadio:
    """What one process of the hub has of it; nothing it does reaches the air once that is dead."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.is_dead = False
        self.scanner_backend, self.client_backend = Scanner, Link
        self.scanner_args = self.client_args = {"radio": self}

    async def check(self) -> None:
        """Raise where there is nobody to ask."""
        air = self.air
        if self.is_dead:
            raise BleakError("the process is gone")
        if air.hung:
            await asyncio.sleep(ANSWER_S)
            raise TimeoutError
        if not air.is_served:
            raise BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", [])
        if not air.is_plugged:
            raise _away()

    async def start(self, bonded: Collection[str] = ()) -> None:
        await self.check()

    async def stop(self) -> None:
        pass

    async def watch(self) -> None:
        await self.air.wait_for_loss()
        raise _away()

    def address(self, found: Any) -> str:
        return str(found.address)

    async def ties(self, found: Any) -> tuple[bool, bool, bool]:
        await self.check()
        is_bonded = found.address in self.air.bonds
        return is_bonded, is_bonded, any(x.address == found.address for x in self.air.links)

    def expect(self, address: str, passkey: int | None) -> AbstractContextManager[list[str]]:
        return nullcontext([])

    async def let_go(self, addresses: Iterable[str]) -> None:
        await self.check()
        freed = self.air.stale.intersection(addresses)
        self.air.stale -= freed
        self.air.mended[LINKS] += len(freed)

    async def is_hiding(self, addresses: Iterable[str]) -> bool:
        await self.check()
        return not self.air.stale.isdisjoint(addresses)

    async def forget(self, address: str) -> None:
        self.air.bonds.discard(address)
        self.air.removed_bonds += 1

    async def power_cycle(self) -> None:
        await self.check()
        await asyncio.sleep(1)
        self.air.stale.clear()
        self.air.take(POWER)
        self.air.lose()

    async def restart_service(self) -> None:
        if self.is_dead:
            raise BleakError("the process is gone")
        air = self.air
        air.is_served = True
        air.stale.clear()
        air.take(SERVICE)
        air.lose()
        await asyncio.sleep(RESTART_S)
        while not air.is_plugged:  # noqa: ASYNC110  until the hub gives it up
            await asyncio.sleep(RESTART_S)


PRESENT: ContextVar[AirRadio] = ContextVar("PRESENT")


def present_radio() -> AirRadio:
    """That of the process which is started in this context."""
    return PRESENT.get()


class Scanner(BaseBleakScanner):
    """One scan."""

    def __init__(
        self, callback: Any, service_uuids: Any, _mode: Any, *, radio: AirRadio, **_: Any
    ) -> None:
        super().__init__(callback, service_uuids)
        self.radio = radio

    async def start(self) -> None:
        await self.radio.check()
        self.radio.air.take(SCAN)
        self.radio.air.scanners.add(self)

    async def stop(self) -> None:
        self.radio.air.scanners.discard(self)

    def hear(self, address: str, name: str) -> None:
        heard = AdvertisementData(name, {}, {}, [], None, -60, ())
        device = self.create_or_update_device(address, address, name, None, heard)
        self.call_detection_callbacks(device, heard)


class Link(BaseBleakClient):
    """One connection to one gadget, which may break at each of its operations."""

    mtu_size = 517
    is_connected = False
    _tasks: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(self, found: Any, *, radio: AirRadio, **facts: Any) -> None:
        super().__init__(found, **facts)
        self.radio = radio
        self._listeners: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._gadget.name

    async def connect(self, pair: bool, **_: Any) -> None:
        radio, air = self.radio, self.radio.air
        await radio.check()
        if air.busy:
            raise BleakDBusError("org.bluez.Error.InProgress", ["In Progress"])
        await asyncio.sleep(air.dice.uniform(*CONNECT_S))
        await radio.check()
        self._gadget = air.gadgets[self.address]
        if self.address in air.stale or not self._gadget.is_on_air():
            raise BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"])
        self.services = _describe(self._gadget.characteristics)
        self.is_connected = True
        air.links.add(self)

    async def disconnect(self) -> None:
        self.forget()

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **_: Any) -> bytearray:
        value = await self._gadget.read(_short(characteristic))
        await self._operate()
        return bytearray(value)

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: Any, response: bool
    ) -> None:
        await self._operate()
        await self._gadget.write(self, _short(characteristic), bytes(data))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: Any, **_: Any
    ) -> None:
        await self._operate()
        self._listeners[_short(characteristic)] = callback
        await self._gadget.listen(self, _short(characteristic))

    async def stop_notify(self, characteristic: Any) -> None:
        raise NotImplementedError(UNUSED)

    async def pair(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(UNUSED)

    async def unpair(self) -> None:
        raise NotImplementedError(UNUSED)

    async def read_gatt_descriptor(self, descriptor: Any, **_: Any) -> bytearray:
        raise NotImplementedError(UNUSED)

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        raise NotImplementedError(UNUSED)

    def begin(self, frames: AsyncIterator[tuple[str, bytes]], *, leaves: bool = True) -> None:
        """The gadget sends these, and then `leaves`."""
        task = asyncio.create_task(self._send(frames, leaves=leaves))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, frames: AsyncIterator[tuple[str, bytes]], *, leaves: bool) -> None:
        async for characteristic, value in frames:
            await asyncio.sleep(self.radio.air.dice.uniform(*OPERATION_S))
            if self.is_connected and self.radio.air.happens("radio link lost", LOST):
                self.drop()
            if self.radio.is_dead or not self.is_connected:
                return
            self._listeners[characteristic](bytearray(value))
        if leaves:
            await asyncio.sleep(1)
            self.drop()

    def drop(self) -> None:
        """The link is gone, and the hub is told."""
        if self.is_connected:
            self.forget()
            if self._disconnected_callback:
                self._disconnected_callback()

    def forget(self) -> None:
        """The link is gone."""
        self.is_connected = False
        self.radio.air.links.discard(self)

    async def _operate(self) -> None:
        await asyncio.sleep(self.radio.air.dice.uniform(*OPERATION_S))
        if self.is_connected and self.radio.air.happens("radio link lost", LOST):
            self.drop()
        if self.radio.is_dead or not self.is_connected:
            raise BleakError("disconnected")


def _describe(characteristics: Iterable[str]) -> BleakGATTServiceCollection:
    found = BleakGATTServiceCollection()
    service = BleakGATTService(None, 1, normalize_uuid_str("1810"))
    found.add_service(service)
    for handle, name in enumerate(characteristics, 2):
        uuid = normalize_uuid_str(name)
        properties = ["read", "write", "notify"]
        found.add_characteristic(
            BleakGATTCharacteristic(None, handle, uuid, properties, lambda: 512, service)
        )
    return found


def _short(characteristic: BleakGATTCharacteristic) -> str:
    return characteristic.uuid[4:8].upper()


def _away() -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError(
        "the adapter or bluetoothd is away", BleakBluetoothNotAvailableReason.NO_BLUETOOTH
    )
