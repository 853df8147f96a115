"""Bluetooth LE: one scanner, and a session with each enrolled device that it sights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from drivers.errors import LinkError, RadioBusy
from gateway.clock import read_moment
from gateway.link import Link
from gateway.links.faults import STACK_ERRORS
from gateway.links.gatt import BleLink, Station
from gateway.links.ladder import Ladder
from gateway.links.lookout import Lookout
from gateway.links.radio import BONDED
from gateway.links.sightings import Sighting, Sightings
from gateway.sessions import Sessions

SLOTS = 3  # connections at a time, which every adapter bears


class Central:
    """Scans for as long as it runs and connects on sight; `settled` once a scan was tried.

    What it does about a radio that is stuck, `ladder` says, and reports.
    """

    def __init__(self, station: Station, sessions: Iterable[Sessions]) -> None:
        self.ladder = Ladder(
            lambda: asyncio.get_running_loop().time(),
            serves=lambda: bool(self._sessions),
            awaits=lambda: station.setup.is_open,
        )
        self._lookout = Lookout(station.radio, self.ladder, self, self._on_sight)
        self.settled = self._lookout.settled
        self._station = station
        self._sessions = {each.device.address: each for each in sessions}
        self._held: dict[Sessions, asyncio.Task[None]] = {}
        self._links: dict[Sessions, BleLink] = {}
        self._sightings = Sightings(station.radio, station.clock)
        self._slots = asyncio.Semaphore(SLOTS)

    @property
    def turned_at(self) -> float:
        """When the scan's loop last turned, by the event loop's clock: the watchdog's proof."""
        return self._lookout.turned_at

    async def run(self) -> None:
        """Serve devices until cancelled. Raises only what broke the outbox."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._lookout.run()
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

    def idle(self) -> set[str]:
        """Addresses of the devices with which no session is held."""
        return self._sessions.keys() - {held.device.address for held in self._held}

    def bonded(self) -> set[str]:
        """Addresses of the devices that have a bond."""
        return {address for address, each in self._sessions.items() if each.device.has_bond}

    def is_linked(self) -> bool:
        """Whether any link is up."""
        return bool(self._links)

    def end_links(self) -> None:
        """They are gone, whether that was noticed or not."""
        for link in self._links.values():
            link.end()

    def _on_sight(self, found: BLEDevice, advertised: AdvertisementData) -> None:
        self.ladder.heard()
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
                link_to = BleLink(self._station, sessions.device, found, name, self.ladder.heard)
                async with link_to as link:
                    self._lookout.connected()
                    if link.security == BONDED:
                        self._follow(sessions, self._station.radio.address(found))
                    self._links[sessions] = link
                    try:
                        yield link
                    finally:
                        del self._links[sessions]
            except RadioBusy:
                # Once the session has ended: what BlueZ still holds of it is then nobody's.
                self._held[sessions].add_done_callback(lambda _: self._lookout.refused())
                raise

    def _follow(self, sessions: Sessions, address: str) -> None:
        """Know the device by the address that its bond has shown to be behind the rotating one."""
        device = sessions.device
        if self._sessions.get(device.address) is sessions:
            self._sessions[address] = self._sessions.pop(device.address)
            device.address = address
