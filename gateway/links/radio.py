"""Radios: how bleak reaches the air, and how well a link is protected there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol, cast

from bleak import BleakClient
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner

from gateway.errors import ConfigError
from gateway.settings import RadioSettings

OPEN, ENCRYPTED, BONDED = range(3)


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
