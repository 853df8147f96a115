"""bleak's client over a Bumble host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bumble.core import BaseBumbleError
from bumble.device import Connection
from bumble.gatt import GATT_GENERIC_ACCESS_SERVICE
from bumble.gatt_client import Client as GattClient
from bumble.hci import HCI_LE_Create_Connection_Cancel_Command

from simulator.adapter import Adapter, bleak_errors, to_text

MTU = 517  # what BlueZ asks for

T = TypeVar("T")


class Client(BaseBleakClient):
    """A client whose pending operations fail with BleakError when the link drops."""

    adapter: ClassVar[Adapter]
    _connection: Connection | None = None

    @property
    def name(self) -> str:
        """The advertised name, else the address with dashes."""
        device = self.adapter.seen.get(self.address)
        return (device and device.name) or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The MTU in use."""
        return self._gatt.mtu

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._connection is not None

    async def connect(self, pair: bool, **_kwargs: Any) -> None:  # noqa: FBT001  bleak's signature
        """Connect, encrypt or pair, and discover. Raises BleakError or TimeoutError."""
        if self._connection:
            raise BleakError("Client is already connected")
        async with asyncio.timeout(self._timeout):
            async with self.adapter.connecting:
                self._connection = connection = await self._open()
            self.adapter.links[self.address] = connection
            connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
            try:
                if await self.adapter.is_bonded(self.address):
                    await self._do(connection.encrypt())
                elif pair:
                    await self.pair()
                self.services = await self._do(discover(connection.gatt_client))
            except BaseException:
                await self.disconnect()
                raise

    async def _open(self) -> Connection:
        """A link to a device that a scan has seen; giving up leaves none behind."""
        host, seen = self.adapter.device, self.adapter.seen.get(self.address)
        if seen is None:
            raise BleakDeviceNotFoundError(self.address, "no scan has seen it")
        attempt = asyncio.ensure_future(host.connect(seen.details))
        try:
            return await self._do(attempt)
        except asyncio.CancelledError:
            with suppress(BaseBumbleError):
                await host.send_sync_command(HCI_LE_Create_Connection_Cancel_Command())
                await (await attempt).disconnect()
            raise

    async def disconnect(self) -> None:
        """Disconnect; nothing happens without a link."""
        if self._connection:
            await self._do(self._connection.disconnect())

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        """Pair and bond by Just Works. Raises BleakDBusError where the device refuses."""
        await self._do(self._link.pair())

    async def unpair(self) -> None:
        """Forget the bond and disconnect. Raises BleakDeviceNotFoundError where there is none."""
        if not await self.adapter.is_bonded(self.address):
            raise BleakDeviceNotFoundError(self.address, "it has no bond")
        await self.adapter.keys.delete(self.address)
        await self.disconnect()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_kwargs: Any
    ) -> bytearray:
        """Read a value of any length."""
        return bytearray(await self._do(self._gatt.read_value(characteristic.handle)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_kwargs: Any
    ) -> bytearray:
        """Read a descriptor."""
        return bytearray(await self._do(self._gatt.read_value(descriptor.handle)))

    async def write_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        data: SizedBuffer,
        response: bool,  # noqa: FBT001  bleak's signature
    ) -> None:
        """Write with or without response."""
        write = self._gatt.write_value(characteristic.handle, bytes(data), with_response=response)
        await self._do(write)

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        """Write a descriptor."""
        await self._do(self._gatt.write_value(descriptor.handle, bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_kwargs: Any
    ) -> None:
        """Notifications, or indications where there are none; `callback` is there before the CCCD.

        Each indication is confirmed when `callback` returns.
        """
        gatt = self._gatt
        try:
            await self._do(
                gatt.subscribe(characteristic.obj, lambda value: callback(bytearray(value)))
            )
        except BaseException:
            gatt.notification_subscribers.pop(characteristic.handle, None)
            gatt.indication_subscribers.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Write the CCCD back to zero."""
        await self._do(self._gatt.unsubscribe(characteristic.obj))

    @property
    def _link(self) -> Connection:
        if not self._connection:
            raise BleakError("Not connected")
        return self._connection

    @property
    def _gatt(self) -> GattClient:
        return self._link.gatt_client

    async def _do(self, operation: Awaitable[T]) -> T:
        """Bumble cancels what is pending when the link drops; here that is an error.

        Who gives up leaves it running, as BlueZ does: the next request must not get its answer.
        """
        try:
            with bleak_errors():
                return await asyncio.shield(operation)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise BleakError("disconnected") from None

    def _on_disconnection(self, _reason: int) -> None:
        self._connection = self.services = None
        self.adapter.links.pop(self.address, None)
        if self._disconnected_callback:
            self._disconnected_callback()


async def discover(gatt: GattClient) -> BleakGATTServiceCollection:
    """All services of the device with their characteristics and descriptors."""
    await gatt.request_mtu(MTU)
    found = BleakGATTServiceCollection()
    for service in await gatt.discover_services():
        if service.uuid == GATT_GENERIC_ACCESS_SERVICE:
            continue
        parent = BleakGATTService(service, service.handle, to_text(service.uuid))
        found.add_service(parent)
        for proxy in await service.discover_characteristics():
            characteristic = BleakGATTCharacteristic(
                proxy,
                proxy.handle,
                to_text(proxy.uuid),
                sorted(gatt_char_props_to_strs(proxy.properties)),
                lambda: gatt.mtu - 3,
                parent,
            )
            found.add_characteristic(characteristic)
            proxy.descriptors_discovered = True
            if proxy.end_group_handle > proxy.handle:
                for descriptor in await proxy.discover_descriptors():
                    uuid = to_text(descriptor.type)
                    found.add_descriptor(
                        BleakGATTDescriptor(descriptor, descriptor.handle, uuid, characteristic)
                    )
    return found
