"""The hub's radio in a virtual home: bleak's public `backend=` over a Bumble host.

Behaves as BlueZ does where a hub can tell: one scanner at a time, a bonded device is encrypted on
connecting, services are gone with the link, and 0x1800 is kept from the application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, ClassVar

from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.exc import BleakDBusError
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Device

from simulator.adapter import Adapter, bleak_errors, to_text
from simulator.client import Client

ADDRESS = "C0:00:00:00:00:01"


class VirtualRadio:
    """A radio on the home's air, attached over TCP; `keystore` is the file that holds its bonds.

    Hubs that share one air need an `address` each.
    """

    scanner_args: Mapping[str, Any] = MappingProxyType({})
    client_args: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, hci: str, keystore: str, address: str = ADDRESS) -> None:
        self._adapter = own = Adapter(hci, keystore, address)

        class VirtualScanner(Scanner):
            adapter = own

        class VirtualClient(Client):
            adapter = own

        self.scanner_backend: type[BaseBleakScanner] = VirtualScanner
        self.client_backend: type[BaseBleakClient] = VirtualClient

    async def start(self, _bonded: Collection[str] = ()) -> None:
        """Attach and power on. Raises BleakBluetoothNotAvailableError where no home listens."""
        await self._adapter.start()

    async def stop(self) -> None:
        """Let go of the air; links break."""
        await self._adapter.stop()

    def address(self, found: BLEDevice) -> str:
        """As it was advertised."""
        return found.address.upper()

    async def ties(self, found: BLEDevice) -> tuple[bool, bool, bool]:
        """Paired and bonded are one here, and not said of a link that is not encrypted."""
        link = self._adapter.links.get(found.address)
        is_bonded = await self._adapter.is_bonded(found.address)
        is_bonded = is_bonded and (link is None or bool(link.is_encrypted))
        return is_bonded, is_bonded, link is not None

    async def watch(self) -> None:
        """Wait for ever: a home that goes is noticed by its silence."""
        await asyncio.Event().wait()

    def expect(self, address: str, passkey: int | None) -> AbstractContextManager[list[str]]:
        """Whatever is asked to pair here pairs, with the passkey where there is one."""
        return self._adapter.expect(address, passkey)

    async def let_go(self, _addresses: Iterable[str]) -> None:
        """Nothing: links break with the process that had them."""

    async def is_hiding(self, _addresses: Iterable[str]) -> bool:
        """Never: there is no link but ours."""
        return False

    async def forget(self, address: str) -> None:
        """Remove the key of this device."""
        if await self._adapter.is_bonded(address):
            await self._adapter.keys.delete(address)

    async def power_cycle(self) -> None:
        """Let go of the air and attach again; links break."""
        await self._adapter.stop()
        await self._adapter.start()

    async def restart_service(self) -> None:
        """Nothing serves it but the home."""


class Scanner(BaseBleakScanner):
    """Active scanning; a second scanner is refused as BlueZ refuses it."""

    adapter: ClassVar[Adapter]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        _scanning_mode: str,
        **_platform: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        """Raises BleakDBusError `InProgress` while another scanner runs."""
        device = self.adapter.device
        if self.adapter.scanner:
            raise BleakDBusError("org.bluez.Error.InProgress", ["Operation already in progress"])
        self.adapter.scanner = self
        self.seen_devices = {}
        device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        with bleak_errors():
            await device.start_scanning()

    async def stop(self) -> None:
        """Stop; nothing happens where it does not run."""
        if self.adapter.scanner is self:
            self.adapter.scanner = None
            device = self.adapter.device
            device.remove_listener(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
            with bleak_errors():
                await device.stop_scanning()

    def _on_advertisement(self, heard: Advertisement) -> None:
        if heard.is_scan_response:
            return  # the virtual controller repeats the advertisement in it
        found = AdvertisingData.Type
        services = (
            *heard.data.get_all(found.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS),
            *heard.data.get_all(found.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS),
        )
        name = heard.data.get(found.COMPLETE_LOCAL_NAME)
        data = AdvertisementData(
            local_name=name,
            manufacturer_data={},
            service_data={},
            service_uuids=[to_text(uuid) for listed in services for uuid in listed],
            tx_power=None,
            rssi=heard.rssi,
            platform_data=(heard,),
        )
        address = heard.address.to_string(with_type_qualifier=False)
        device = self.create_or_update_device(address, address, name, heard.address, data)
        self.adapter.seen[address] = device
        if self.is_allowed_uuid(data.service_uuids):
            self.call_detection_callbacks(device, data)
