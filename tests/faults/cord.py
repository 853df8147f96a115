"""A hub's radio without a radio: bleak's backends over a TCP connection to the scenario's ward.

It is an entry point of `vitalpost.radios`, as is the driver below of `vitalpost.drivers`: hub and
backend find both as they find anyone's. One connection listens for advertisements, and one is made
to each device that is connected; both speak JSON lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bleak.uuids import normalize_uuid_str

from drivers.blood_pressure import BloodPressure
from drivers.spi import DriverInfo, GattLink, Item, Reading

MEASUREMENT, CLOCK, ACKNOWLEDGE = "2A35", "2A08", "FF01"
UNUSED = "bleak declares it, and the hub never asks it of a link"


class AcknowledgingCuff:
    """A cuff that keeps each reading until it is told that the hub has it on flash."""

    info: ClassVar[DriverInfo] = replace(
        BloodPressure.info,
        id="acknowledging-cuff",
        names=("Cord",),
        characteristics=(MEASUREMENT, CLOCK, ACKNOWLEDGE),
        writes=(CLOCK, ACKNOWLEDGE),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        async for item in BloodPressure().session(link):
            yield item
            if isinstance(item, Reading) and link.offers(ACKNOWLEDGE):
                await link.write(ACKNOWLEDGE, item.raw[0].data)


class CordRadio:
    """The radio at the ward's `port`."""

    scanner_args: ClassVar[dict[str, Any]] = {}
    client_args: ClassVar[dict[str, Any]] = {}

    def __init__(self, port: int) -> None:
        class CordScanner(Scanner):
            ward = port

        class CordClient(Client):
            ward = port

        self.scanner_backend, self.client_backend = CordScanner, CordClient

    async def start(self, bonded: Any = ()) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def is_hiding(self, addresses: Any) -> bool:
        return False

    async def power_cycle(self) -> None:
        pass

    async def restart_service(self) -> None:
        pass

    async def watch(self) -> None:
        await asyncio.Event().wait()

    def address(self, found: Any) -> str:
        return found.address.upper()

    async def ties(self, found: Any) -> tuple[bool, bool, bool]:
        return False, False, True

    async def let_go(self, addresses: Any) -> None:
        pass


class Scanner(BaseBleakScanner):
    ward: ClassVar[int]

    def __init__(self, callback, service_uuids, _scanning_mode, **_) -> None:
        super().__init__(callback, service_uuids)

    async def start(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.ward)
        _say(self._writer, do="scan")
        self._hearing = asyncio.create_task(self._hear(reader))

    async def stop(self) -> None:
        self._hearing.cancel()
        self._writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            address = json.loads(line)["address"]
            heard = AdvertisementData(address, {}, {}, [], None, -50, ())
            device = self.create_or_update_device(address, address, address, None, heard)
            self.call_detection_callbacks(device, heard)


class Client(BaseBleakClient):
    """Answers come in the order of the questions; a frame may come between any two."""

    ward: ClassVar[int]
    name = "cord"
    mtu_size = 517
    is_connected = False

    async def connect(self, pair: bool, **_: Any) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.ward)
        self._answers: asyncio.Queue[str | None] = asyncio.Queue()
        self._listener = lambda _: None
        self.services = _describe()
        self.is_connected = True
        self._hearing = asyncio.create_task(self._hear(reader))
        await self._ask(do="connect", address=self.address)

    async def disconnect(self) -> None:
        if self.is_connected:
            self._writer.close()
            await asyncio.wait([self._hearing])

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **_: Any) -> bytearray:
        return bytearray.fromhex(await self._ask(do="read"))

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        await self._ask(do="confirm", frame=bytes(data).hex())

    async def start_notify(self, characteristic: Any, callback: Any, **_: Any) -> None:
        self._listener = callback
        await self._ask(do="subscribe")

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

    async def _ask(self, **question: str) -> str:
        if not self.is_connected:
            raise BleakError("disconnected")
        _say(self._writer, **question)
        answer = await self._answers.get()
        if answer is None:
            self._answers.put_nowait(None)
            raise BleakError("disconnected")
        return answer

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                heard = json.loads(line)
                if "frame" in heard:
                    self._listener(bytearray.fromhex(heard["frame"]))
                else:
                    self._answers.put_nowait(heard["answer"])
        except ConnectionError:
            pass
        finally:
            self._writer.close()
            self.is_connected = False
            self._answers.put_nowait(None)
            if self._disconnected_callback:
                self._disconnected_callback()


def _describe() -> BleakGATTServiceCollection:
    found = BleakGATTServiceCollection()
    service = BleakGATTService(None, 1, normalize_uuid_str("1810"))
    found.add_service(service)
    for handle, name in enumerate((MEASUREMENT, CLOCK, ACKNOWLEDGE), 2):
        uuid = normalize_uuid_str(name)
        found.add_characteristic(
            BleakGATTCharacteristic(None, handle, uuid, ["read", "write"], lambda: 512, service)
        )
    return found


def _say(writer: asyncio.StreamWriter, **what: str) -> None:
    writer.write(json.dumps(what).encode() + b"\n")
