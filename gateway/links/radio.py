"""Radios: how bleak reaches the air, and how well a link is protected there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol, cast

from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner

from gateway.errors import ConfigError
from gateway.settings import RadioSettings
from gateway.setup import SetupWindow

OPEN, ENCRYPTED, BONDED = range(3)


class Ties(NamedTuple):
    """How a device stands with this hub; the radio's own word."""

    is_paired: bool
    is_bonded: bool
    is_connected: bool

    @property
    def security(self) -> int:
        """Of a link that is up: 0 open, 1 encrypted, 2 where the encryption is from a bond.

        Source: BlueZ src/device.c, device_connect_le: BT_IO_SEC_MEDIUM for a paired device, whose
        link counts as up once it is encrypted.
        """
        if not self.is_connected:
            return OPEN
        return BONDED if self.is_bonded else ENCRYPTED if self.is_paired else OPEN


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

    async def start(self, bonded: Collection[str] = ()) -> None:
        """Make the adapter usable, however often it was before.

        `bonded` are devices of which somebody has the key: an adapter that has none of it is none.
        """

    async def stop(self) -> None:
        """Let go of it; links break. It may be started again."""

    async def watch(self) -> None:
        """Raise BleakError when the adapter has gone; a scan would not notice."""

    def address(self, found: BLEDevice) -> str:
        """The address by which the device is known: behind a rotating one, where that is known."""

    async def ties(self, found: BLEDevice) -> tuple[bool, bool, bool]:
        """Whether this hub is paired with the device, bonded with it, connected to it."""

    def expect(self, address: str, passkey: int | None) -> AbstractContextManager[list[str]]:
        """Let this device pair while the context holds; what was refused meanwhile, in words."""

    async def let_go(self, addresses: Iterable[str]) -> None:
        """End what an earlier process may have left of links to these devices. Bonds stay."""

    async def is_hiding(self, addresses: Iterable[str]) -> bool:
        """Whether one of them is connected: with no link of ours, none can be heard."""

    async def forget(self, address: str) -> None:
        """Remove the bond with this device, if there is one."""

    async def power_cycle(self) -> None:
        """Switch the adapter off and on; links break, bonds stay."""

    async def restart_service(self) -> None:
        """Have what serves the adapter started anew; links break, bonds stay."""


def load_radio(settings: RadioSettings, setup: SetupWindow) -> Radio:
    """The radio of the settings: "bluez", or an entry point of `vitalpost.radios`."""
    if settings.backend == "bluez":
        from gateway.links.bluez import BluezRadio  # noqa: PLC0415  no D-Bus with another radio

        return BluezRadio(settings.adapter, setup)
    offered = entry_points(group="vitalpost.radios")
    if settings.backend not in offered.names:
        wanted = ", ".join(sorted({"bluez", *offered.names}))
        raise ConfigError("radio.backend", repr(settings.backend), f"one of {wanted}")
    try:
        return cast(Radio, offered[settings.backend].load()(**settings.options))
    except (TypeError, ImportError) as error:
        raise ConfigError("radio.options", str(error), f"what {settings.backend} takes") from error
