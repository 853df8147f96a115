"""One connection to one device: what a driver is lent, and what bleak makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import datetime, tzinfo
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.uuids import normalize_uuid_str

from drivers.errors import LinkError, LinkLost, PairingRefused
from drivers.spi import Frame
from gateway.clock import Clock, read_moment, site_time
from gateway.devices import Device
from gateway.link import Exchange
from gateway.links.arrivals import LONGEST_QUEUE, Arrival, Arrivals
from gateway.links.bonds import Bonds
from gateway.links.faults import STACK_ERRORS, translated
from gateway.links.radio import BONDED, OPEN, Radio, Ties
from gateway.setup import SetupWindow

CONNECT_S = 30.0
OPERATION_S = 10.0
DISCONNECT_S = 12.0  # BlueZ takes about 2 s, and bleak gives up after 10

T = TypeVar("T")


class Station(NamedTuple):
    """What all links of a hub share."""

    radio: Radio
    clock: Clock
    site_zone: tzinfo
    quiet_s: float
    setup: SetupWindow
    connect_s: float = CONNECT_S
    operation_s: float = OPERATION_S


class BleLink:
    """Connects when entered. Operations go one at a time, each within a time limit.

    A device that is set to be bonded makes its bond while the set-up window is open, else never.
    Entering raises LinkLost, LinkTimeout, RadioBusy, DeviceHeld where it takes no connection,
    PairingRefused where it may not pair or the link is not encrypted by the bond, and BondLost.
    `on_life` is called with whatever comes of the device.
    """

    def __init__(
        self,
        station: Station,
        device: Device,
        found: BLEDevice,
        name: str,
        on_life: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.security = OPEN
        self._station = station
        self._device = device
        self._found = found
        self._client = BleakClient(
            found,
            self._on_disconnected,
            timeout=station.connect_s,
            pair=device.is_bonded and station.setup.is_open,
            backend=station.radio.client_backend,
            **station.radio.client_args,
        )
        self._on_life = on_life
        self._lock = asyncio.Lock()
        self._is_closed = False
        self._arrivals = Arrivals()
        self._exchanges: dict[str, Exchange] = {}
        self._starting: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._bonds = Bonds(device, name, station.setup, station.clock)
        self._expecting = ExitStack()
        self._refusals: list[str] = []

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is None:
            self._bonds.prove(self.security)
        await self._end()

    def close(self) -> None:
        """From here on nothing that a driver does reaches the device."""
        self._is_closed = True

    @property
    def bookmark(self) -> str:
        """What the driver left in an earlier session."""
        return self._device.bookmark

    def exchange(self, source: str) -> Exchange:
        """The last one with a characteristic as handed to the driver; with any if it had none."""
        return self._exchanges.get(source) or next(reversed(self._exchanges.values()))

    def end(self) -> None:
        """Disconnect; what has come until then still reaches the driver."""
        self._ending = asyncio.create_task(self._disconnect())

    def offers(self, characteristic: str) -> bool:
        """Whether the device has the characteristic."""
        return self._find(characteristic) is not None

    async def read(self, characteristic: str) -> bytes:
        """The characteristic's value. Raises LinkError."""
        found = self._demand(characteristic)
        return bytes(
            await self._operate(characteristic, lambda: self._client.read_gatt_char(found))
        )

    async def write(self, characteristic: str, value: bytes) -> None:
        """Write with response what the driver declared, once it hears what it has subscribed to.

        Raises LinkError.
        """
        if characteristic not in self._device.driver.info.writes:
            raise LinkError(self._device.name, f"its driver may not write {characteristic}")
        found = self._demand(characteristic)
        if self._starting:
            await asyncio.wait(self._starting)  # the answer must not come before it is listened for
        await self._operate(
            characteristic, lambda: self._client.write_gatt_char(found, value, response=True)
        )

    def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        """Frames from this call on, until the device leaves or is silent for the station's limit.

        What comes before the driver listens waits for it: BlueZ has confirmed it to the device.
        """
        starting = asyncio.create_task(self._start(characteristics))
        starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._starting.append(starting)
        return self._frames(starting)

    async def _start(self, characteristics: Iterable[str]) -> None:
        for characteristic in characteristics:
            found = self._demand(characteristic)
            arrive = partial(self._on_frame, characteristic)
            await self._operate(characteristic, lambda: self._client.start_notify(found, arrive))  # noqa: B023  awaited before the next turn

    async def _frames(self, starting: Awaitable[None]) -> AsyncIterator[Frame]:
        await starting
        while arrival := await self._arrivals.take(self._station.quiet_s):
            self._note(arrival.frame.source, Exchange(arrival.moment, arrival.moment))
            yield arrival.frame
        if self._arrivals.is_overfull:
            raise LinkError(self._device.name, f"{LONGEST_QUEUE} frames came before one was stored")

    def heard_ms(self, characteristic: str) -> int:
        """BOOTTIME in ms when the frame of it came that was handed on last."""
        return self.exchange(characteristic).answered.boottime_ms

    def local_time(self) -> datetime | None:
        """Naive time at the site; None while the hub's own clock is not synchronised."""
        return site_time(self._station.clock, self._station.site_zone)

    async def _connect(self) -> None:
        device, limit_s = self._device, self._station.connect_s
        with translated(device.name, self._client, limit_s):
            before = await self._ties()
        self._bonds.look(before)
        if not before.is_bonded and self._station.setup.is_open:
            self._expect()
        try:
            with translated(device.name, self._client, limit_s):
                async with asyncio.timeout(limit_s):
                    await self._client.connect()
                after = await self._ties()
        except LinkError as error:
            raise self._bonds.explain_failure(error, self._refusals) from error
        self.security = after.security
        self._bonds.take(before, after)

    def _expect(self) -> None:
        if self._device.is_bonded or self._device.is_awaited:
            radio = self._station.radio
            expecting = radio.expect(radio.address(self._found), self._device.passkey)
            self._refusals = self._expecting.enter_context(expecting)

    async def _ties(self) -> Ties:
        return Ties(*await self._station.radio.ties(self._found))

    async def _end(self) -> None:
        self._expecting.close()
        await self._disconnect()

    def _find(self, characteristic: str) -> BleakGATTCharacteristic | None:
        uuid = normalize_uuid_str(characteristic)
        with translated(self._device.name, self._client, 0):
            table = self._client.services.characteristics  # gone with the link
        return next((found for found in table.values() if found.uuid == uuid), None)

    def _demand(self, characteristic: str) -> BleakGATTCharacteristic:
        found = self._find(characteristic)
        if found is None:
            raise LinkError(self._device.name, f"it has no characteristic {characteristic}")
        return found

    async def _operate(self, characteristic: str, operation: Callable[[], Awaitable[T]]) -> T:
        async with self._lock:
            if self._is_closed:
                raise LinkLost(self._device.name)
            asked = read_moment(self._station.clock)
            try:
                limit_s = self._station.operation_s
                with translated(self._device.name, self._client, limit_s):
                    async with asyncio.timeout(limit_s):
                        answer = await operation()
                    if self._device.is_awaited and self.security < BONDED:
                        await self._look_again()
            except PairingRefused as error:
                raise self._bonds.explain_refusal(error, self._refusals) from error
            self._on_life()
            self._note(characteristic, Exchange(asked, read_moment(self._station.clock)))
            return answer

    async def _look_again(self) -> None:
        """A characteristic may have made the device pair."""
        after = await self._ties()
        self._bonds.take(Ties(False, False, True), after)
        self.security = after.security

    def _note(self, characteristic: str, exchange: Exchange) -> None:
        self._exchanges.pop(characteristic, None)  # the newest stands last
        self._exchanges[characteristic] = exchange

    def _on_frame(self, source: str, _: BleakGATTCharacteristic, data: bytearray) -> None:
        self._on_life()
        frame = Frame(source, bytes(data))
        self._arrivals.put(Arrival(frame, read_moment(self._station.clock)))
        if self._arrivals.is_overfull and not self._ending:
            # What the device has not had confirmed it sends again on the next connection.
            self.end()

    def _on_disconnected(self, _: BleakClient) -> None:
        self._is_closed = True
        self._arrivals.end()

    async def _disconnect(self) -> None:
        with suppress(*STACK_ERRORS):
            async with asyncio.timeout(DISCONNECT_S):
                await self._client.disconnect()
