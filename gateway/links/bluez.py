"""The radio of a hub: an adapter behind bluetoothd, reached over D-Bus."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError
from dbus_fast.signature import Variant

from gateway.links.agent import Agent
from gateway.links.bluetoothd import ADAPTER, DEVICE, OBJECTS, PROPERTIES, Bluetoothd
from gateway.setup import SetupWindow


class BluezRadio:
    """An adapter behind bluetoothd."""

    scanner_backend = None
    client_backend = None

    def __init__(self, adapter: str, setup: SetupWindow) -> None:
        self.scanner_args = self.client_args = {"bluez": {"adapter": adapter}}
        self._agent = Agent(setup, self._address)
        self._bluetoothd = Bluetoothd(adapter, self._agent)
        self._bleak: BlueZManager | None = None

    async def start(self) -> None:
        """Find bluetoothd and register the agent. Raises what bleak and D-Bus raise."""
        self._bleak = await get_global_bluez_manager()
        await self._bluetoothd.open()

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

    async def _devices(self) -> list[tuple[str, dict[str, Any]]]:
        [objects] = await self._bluetoothd.ask("/", OBJECTS, "GetManagedObjects")
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
