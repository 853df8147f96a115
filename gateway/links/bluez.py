"""The radio of a hub: an adapter behind bluetoothd, reached over D-Bus."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError
from dbus_fast.signature import Variant

from gateway.links.adapters import ADAPTER, ANY, DEVICE, choose, list_adapters
from gateway.links.agent import Agent
from gateway.links.bluetoothd import PROPERTIES, Bluetoothd
from gateway.links.systemd1 import restart_unit
from gateway.setup import SetupWindow

UNIT = "bluetooth.service"
LOOK_AGAIN_S = 0.5


class BluezRadio:
    """An adapter behind bluetoothd: of this name, of this address, or any (`adapters.py`)."""

    scanner_backend = None
    client_backend = None

    def __init__(self, wanted: str, setup: SetupWindow) -> None:
        self._wanted = wanted if wanted == ANY or wanted.startswith("hci") else wanted.upper()
        self._address_before = ""
        self._agent = Agent(setup, self._address)
        self._bluetoothd = Bluetoothd("", self._agent)
        self._bleak: BlueZManager | None = None

    @property
    def scanner_args(self) -> dict[str, Any]:
        """The adapter found by `start`."""
        return {"bluez": {"adapter": self._bluetoothd.path.rpartition("/")[2]}}

    client_args = scanner_args

    async def start(self, bonded: Collection[str] = ()) -> None:
        """Find bluetoothd and the adapter, register the agent.

        Raises what bleak and D-Bus raise.
        """
        self._bleak = await get_global_bluez_manager()
        adapters = list_adapters(await self._bluetoothd.open())
        found = choose(self._wanted, adapters, bonded, self._address_before)
        self._bluetoothd.path, self._address_before = found.path, found.address

    async def stop(self) -> None:
        """Unregister the agent; the adapter is bluetoothd's."""
        await self._bluetoothd.close()

    async def watch(self) -> None:
        """Raise BleakError when bluetoothd goes, or the adapter's power."""
        await self._bluetoothd.watch()

    def address(self, found: BLEDevice) -> str:
        """`Device1.Address` as it is now: bleak keeps the one under which it was first seen."""
        try:
            return self._address(_path(found))
        except LookupError:  # BlueZ has let go of the object
            return found.address.upper()

    async def ties(self, found: BLEDevice) -> tuple[bool, bool, bool]:
        """As BlueZ says of this very object; before 5.67 it did not tell Bonded from Paired."""
        path = _path(found)
        try:
            [said] = await self._bluetoothd.ask(path, PROPERTIES, "GetAll", "s", [DEVICE])
        except BleakDBusError:  # there is no such object any more
            return False, False, False
        told = {name: value.value for name, value in said.items()}
        return told["Paired"], told.get("Bonded", told["Paired"]), told["Connected"]

    def expect(self, address: str, passkey: int | None) -> AbstractContextManager[list[str]]:
        """Have the agent let this device pair while the context holds."""
        return self._agent.expect(address, passkey)

    async def let_go(self, addresses: Iterable[str]) -> None:
        """Disconnect them, which also ends a connect that a killed process has left pending.

        Source: BlueZ doc/org.bluez.Device.rst, Disconnect; bleak-retry-connector issue 226
        """
        wanted = set(addresses)
        for path, device in await self._devices():
            if device["Address"].value.upper() in wanted:
                with suppress(BleakDBusError):  # org.bluez.Error.NotConnected, as it should be
                    await self._bluetoothd.ask(path, DEVICE, "Disconnect")

    async def is_hiding(self, addresses: Iterable[str]) -> bool:
        """Whether BlueZ holds a link to one of them."""
        wanted = set(addresses)
        return any(
            device["Connected"].value and device["Address"].value.upper() in wanted
            for _, device in await self._devices()
        )

    async def forget(self, address: str) -> None:
        """Have BlueZ remove the device and with it its bond. Raises BleakError."""
        for path, device in await self._devices():
            if device["Address"].value.upper() == address:
                await self._bluetoothd.ask(
                    self._bluetoothd.path, ADAPTER, "RemoveDevice", "o", [path]
                )

    async def power_cycle(self) -> None:
        """Switch the adapter off and on; links break, bonds stay."""
        for is_on in (False, True):
            value = [ADAPTER, "Powered", Variant("b", is_on)]
            await self._bluetoothd.ask(self._bluetoothd.path, PROPERTIES, "Set", "ssv", value)

    async def restart_service(self) -> None:
        """Have systemd restart bluetoothd; return once another one has the adapter up."""
        before = self._bluetoothd.owner
        await restart_unit(UNIT)
        while before and not await self._is_up_after(before):  # noqa: ASYNC110  bluetoothd has no event for it
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _is_up_after(self, before: str) -> bool:
        try:
            if await self._bluetoothd.find_owner() == before:
                return False
            adapter = (await self._bluetoothd.objects())[self._bluetoothd.path][ADAPTER]
            return bool(adapter["Powered"].value)
        except (BleakError, LookupError):  # nobody has the name yet, or no such adapter
            return False

    async def _devices(self) -> list[tuple[str, Mapping[str, Any]]]:
        objects = await self._bluetoothd.objects()
        prefix = self._bluetoothd.path + "/"
        return [
            (path, interfaces[DEVICE])
            for path, interfaces in objects.items()
            if path.startswith(prefix) and DEVICE in interfaces
        ]

    def _address(self, path: str) -> str:
        try:
            if self._bleak:
                return self._bleak.get_device_address(path).upper()
        except BleakError as error:
            raise LookupError(path) from error
        raise LookupError(path)


def _path(found: BLEDevice) -> str:
    return str(found.details["path"])
