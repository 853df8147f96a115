"""Bluetooth LE: one scanner, and a session with each enrolled device that it sights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from drivers.errors import LinkError, RadioBusy
from gateway.clock import read_moment
from gateway.links import Link
from gateway.links.faults import STACK_ERRORS
from gateway.links.gatt import BleLink, Station
from gateway.links.radio import BONDED
from gateway.links.sightings import Sighting, Sightings
from gateway.sessions import Sessions

SLOTS = 3  # connections at a time, which every adapter bears
BUSY_LIMIT = 3  # attempts in a row that found the adapter busy
SCANNER_S = 20.0
SILENCE_S = (
    90.0  # after so long without any advertisement scanning begins anew: BlueZ may have gone
)
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0

log = structlog.get_logger()


class Central:
    """Scans for as long as it runs and connects on sight; `settled` once a scan was tried.

    `turned_at` is when its loop last turned, by the event loop's clock: the watchdog's proof of it.
    """

    def __init__(self, station: Station, sessions: Iterable[Sessions]) -> None:
        self.settled = asyncio.Event()
        self.turned_at = 0.0
        self._station = station
        self._sessions = {each.device.address: each for each in sessions}
        self._held: dict[Sessions, asyncio.Task[None]] = {}
        self._links: dict[Sessions, BleLink] = {}
        self._busy = 0
        self._sightings = Sightings(station.radio, station.clock)
        self._slots = asyncio.Semaphore(SLOTS)
        self._heard_at = 0.0

    async def run(self) -> None:
        """Serve devices until cancelled. Raises only what broke the outbox."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._scan()
        finally:
            with suppress(*STACK_ERRORS):
                await self._station.radio.stop()

    async def sightings(self) -> list[Sighting]:
        """What was heard in the last five minutes, enrolled or not, the newest first.

        Raises LinkError while the radio is away.
        """
        try:
            return await self._sightings.list()
        except STACK_ERRORS as error:
            raise LinkError("the radio", "it is away") from error

    def adopt(self, sessions: Sessions) -> None:
        """From here on hold sessions with this device too, from its next advertisement on."""
        self._sessions[sessions.device.address] = sessions

    async def release(self, address: str) -> None:
        """Hold no more sessions with the device; one that runs is ended, its link closed."""
        sessions = self._sessions.pop(address.upper(), None)
        task = self._held.get(sessions) if sessions else None
        if sessions is None or task is None:
            return
        if link := self._links.get(sessions):
            link.end()  # and what has come is still recorded
        else:
            task.cancel()
        await asyncio.wait({task})

    async def forget(self, address: str) -> None:
        """Remove the bond with a device that is released. Raises LinkError."""
        try:
            await self._station.radio.forget(address.upper())
        except STACK_ERRORS as error:
            raise LinkError("the radio", "it could not forget the device's bond") from error

    async def _scan(self) -> None:
        is_told = False
        delay_s = FIRST_DELAY_S
        while True:
            self._note_turn()
            try:
                await self._station.radio.start()
                await self._let_go()
                while True:
                    async with self._scanner():
                        if is_told:
                            log.info("radio-back")
                        is_told, delay_s = False, FIRST_DELAY_S
                        self.settled.set()
                        await self._listen()
            except STACK_ERRORS as error:
                if not is_told:
                    hint = "Check that the adapter is plugged in and switched on, and bluetoothd."
                    log.warning("radio-away", error=type(error).__name__, hint=hint)
                is_told = True
                self.settled.set()
                with suppress(*STACK_ERRORS):
                    await self._station.radio.stop()
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    @asynccontextmanager
    async def _scanner(self) -> AsyncIterator[None]:
        radio = self._station.radio
        scanner = BleakScanner(self._on_sight, backend=radio.scanner_backend, **radio.scanner_args)
        async with asyncio.timeout(SCANNER_S):
            await scanner.start()
        try:
            yield
        finally:
            with suppress(*STACK_ERRORS):
                async with asyncio.timeout(SCANNER_S):
                    await scanner.stop()

    async def _listen(self) -> None:
        """Return after a silence. Raises BleakError when the radio has gone."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        left_s = SILENCE_S
        while left_s > 0:
            self._note_turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._watch()
            left_s = self._heard_at + SILENCE_S - loop.time()

    def _note_turn(self) -> None:
        self.turned_at = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        try:
            await self._station.radio.watch()
        except BleakError:
            for link in self._links.values():
                link.end()  # bleak does not notice that bluetoothd is another one
            raise

    def _on_sight(self, found: BLEDevice, advertised: AdvertisementData) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        address = self._station.radio.address(found)
        self._sightings.note(address, found, advertised)
        sessions = self._sessions.get(address)
        if sessions is None:
            return
        sessions.device.heard_at = read_moment(self._station.clock)
        if sessions.claim():
            name = advertised.local_name or found.name or ""
            connection = self._connect(sessions, found, name)
            task = self._tasks.create_task(sessions.hold(connection))
            self._held[sessions] = task
            task.add_done_callback(partial(self._note_ended, sessions))

    def _note_ended(self, sessions: Sessions, task: asyncio.Task[None]) -> None:
        if self._held.get(sessions) is task:  # the next one may have begun before this is told
            del self._held[sessions]

    @asynccontextmanager
    async def _connect(
        self, sessions: Sessions, found: BLEDevice, name: str
    ) -> AsyncIterator[Link]:
        async with self._slots:
            try:
                async with BleLink(self._station, sessions.device, found, name) as link:
                    self._busy = 0
                    if link.security == BONDED:
                        self._follow(sessions, self._station.radio.address(found))
                    self._links[sessions] = link
                    try:
                        yield link
                    finally:
                        del self._links[sessions]
            except RadioBusy:
                await self._note_busy()
                raise

    async def _note_busy(self) -> None:
        """Switch an adapter off and on that is stuck, where no other link would break."""
        self._busy += 1
        if self._busy >= BUSY_LIMIT and not self._links:
            self._busy = 0
            log.warning("radio-stuck", hint="Nothing to do: the hub switches Bluetooth off and on.")
            with suppress(*STACK_ERRORS):
                await self._station.radio.power_cycle()

    async def _let_go(self) -> None:
        """End what an earlier process has left of links to devices that have none of ours."""
        free = self._sessions.keys() - {each.device.address for each in self._links}
        await self._station.radio.let_go(free)

    def _follow(self, sessions: Sessions, address: str) -> None:
        """Know the device by the address that its bond has shown to be behind the rotating one."""
        device = sessions.device
        if self._sessions.get(device.address) is sessions:
            self._sessions[address] = self._sessions.pop(device.address)
            device.address = address
