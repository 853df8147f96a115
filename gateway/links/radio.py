"""Radios: how bleak reaches the air, and how well a link is protected there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol, cast

from bleak import BleakClient
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakError

from gateway.errors import ConfigError
from gateway.settings import RadioSettings

OPEN, ENCRYPTED, BONDED = range(3)


class Ties(NamedTuple):
    """How a device stands with this hub; the radio's own word."""

    is_paired: bool
    is_bonded: bool
    is_connected: bool


class Radio(Protocol):
    """One adapter. Without backends of its own bleak's for this platform are used."""

    @property
    def scanner_backend(self) -> type[BaseBleakScanner] | None:
        """What scans."""

    @property
    def client_backend(self) -> type[BaseBleakClient] | None:
        """What connects."""

    @property
    def scanner_args(self) -> Mapping[str, Any]:
        """What the scanner is given beside."""

    @property
    def client_args(self) -> Mapping[str, Any]:
        """What each client is given beside."""

    async def start(self) -> None:
        """Make the adapter usable."""

    async def stop(self) -> None:
        """Let go of it; links break. It may be started again."""

    def address(self, found: BLEDevice) -> str:
        """The address by which the device is known: behind a rotating one, where that is known."""

    async def ties(self, found: BLEDevice) -> tuple[bool, bool, bool]:
        """Whether this hub is paired with the device, bonded with it, connected to it."""

    async def is_bonded(self, found: BLEDevice) -> bool:
        """Whether a bond with this device is kept."""

    def link_security(self, client: BleakClient) -> int:
        """0 for an open link, 1 for an encrypted one, 2 where the encryption is from a bond."""


class BluezRadio:
    """An adapter behind bluetoothd."""

    scanner_backend = None
    client_backend = None

    def __init__(self, adapter: str) -> None:
        self.scanner_args = self.client_args = {"bluez": {"adapter": adapter}}
        self._path = f"/org/bluez/{adapter}"

    async def start(self) -> None:
        """Find bluetoothd. Raises what bleak and D-Bus raise."""
        from bleak.backends.bluezdbus.manager import (  # noqa: PLC0415  no D-Bus elsewhere
            get_global_bluez_manager,
        )

        self._bluez = await get_global_bluez_manager()

    async def stop(self) -> None:
        """Nothing is held: bluetoothd owns the adapter."""

    def address(self, found: BLEDevice) -> str:
        """`Device1.Address` as it is now: bleak keeps the one under which it was first seen."""
        try:
            return self._bluez.get_device_address(str(found.details["path"])).upper()
        except BleakError:  # BlueZ has let go of the object
            return found.address.upper()

    async def ties(self, found: BLEDevice) -> tuple[bool, bool, bool]:
        """As BlueZ says; before 5.67 it did not tell Bonded from Paired."""
        path = str(found.details["path"])
        said = found.details["props"]
        is_paired = self._bluez.is_paired(path)
        return is_paired, is_paired and said.get("Bonded", True), self._bluez.is_connected(path)

    async def is_bonded(self, found: BLEDevice) -> bool:
        """What BlueZ says of it; one that is paired without a bond is found out once connected."""
        return self._bluez.is_paired(str(found.details["path"]))

    def link_security(self, client: BleakClient) -> int:
        """What BlueZ says of pairing: a paired device's link counts as up once it is encrypted.

        Source: BlueZ src/device.c, device_connect_le: BT_IO_SEC_MEDIUM for a paired device.
        """
        services = frozenset(service.uuid for service in client.services)
        for _, said in self._bluez.get_connected_devices(self._path, services):
            if said["Address"] == client.address and said["Paired"]:
                return BONDED if said.get("Bonded", True) else ENCRYPTED  # old ones do not say
        return OPEN


def load_radio(settings: RadioSettings) -> Radio:
    """The radio of the settings: "bluez", or an entry point of `vitalpost.radios`."""
    if settings.backend == "bluez":
        return BluezRadio(settings.adapter)
    offered = entry_points(group="vitalpost.radios")
    if settings.backend not in offered.names:
        wanted = ", ".join(sorted({"bluez", *offered.names}))
        raise ConfigError("radio.backend", repr(settings.backend), f"one of {wanted}")
    try:
        return cast(Radio, offered[settings.backend].load()(**settings.options))
    except (TypeError, ImportError) as error:
        raise ConfigError("radio.options", str(error), f"what {settings.backend} takes") from error
