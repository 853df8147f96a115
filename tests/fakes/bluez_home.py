"""A hub with bleak's own BlueZ backend, real drivers and a real outbox, over a fake bluetoothd."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from zoneinfo import ZoneInfo

from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.backends.device import BLEDevice
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from drivers.blood_pressure import BloodPressure
from gateway.devices import Device
from gateway.links.ble import Central
from gateway.links.bluez import BluezRadio
from gateway.links.gatt import BleLink, Station
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from tests.fakes.bluez import FakeBluez
from tests.fakes.bluez_device import Characteristic, FakeDevice
from tests.fakes.dbus_daemon import DbusDaemon
from tests.fakes.hand_clock import HandClock
from tests.fakes.hub_storage import HubStorage
from uplink.records import EventRecord, ReadingRecord

ADDRESS = "F0:00:00:12:34:56"
FRAME = bytes.fromhex("06 7800 5000 5d00 e407060f081e00 3c00")
DEADLINE_S = 20
ZONE = ZoneInfo("America/New_York")


class TellingSessions(Sessions):
    """Lets a test wait for the end of each session."""

    def __init__(self, *lent):
        super().__init__(*lent)
        self.ended = asyncio.Queue()

    async def hold(self, connection):
        await super().hold(connection)
        self.ended.put_nowait(self.last)

    async def outcome(self):
        """How the next session ends."""
        async with asyncio.timeout(DEADLINE_S):
            return (await self.ended.get()).event


class BluezHome:
    """`cuff` is bonded and enrolled; the set-up window is closed."""

    def __init__(self, folder, clock=None) -> None:
        self.folder = folder
        self.clock = clock or HandClock()
        self.daemon = DbusDaemon(folder)
        self.bluez = FakeBluez(self.daemon.address)
        self.setup = SetupWindow()
        self.radio = BluezRadio("any", self.setup)
        self.cuff = self.make_cuff()
        self.stack = AsyncExitStack()

    async def __aenter__(self):
        self.daemon.start()
        self.stack.callback(self.daemon.kill)
        await self.bluez.start()
        self.stack.push_async_callback(self.bluez.stop)
        self.storage = await HubStorage.open(self.folder, self.clock)
        self.stack.push_async_callback(self.storage.outbox.close)
        self.recorder = self.storage.start_recorder()
        self.stack.push_async_callback(self._hang_up)
        self.stack.push_async_callback(self.radio.stop)
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    def make_cuff(self, address=ADDRESS, *, is_bonded=True, **facts):
        answer = Characteristic("2A35", answer=(FRAME,), is_guarded=is_bonded)
        services = {"1810": [answer], "180F": [Characteristic("2A19", b"\x50")]}
        return FakeDevice(address, "A&D_UA-651BLE", services, is_bonded=is_bonded, **facts)

    def device(self, address=ADDRESS, *, is_bonded=True, **facts):
        return Device("cuff", address, b"i" * 16, BloodPressure(), is_bonded, **facts)

    def sessions(self, device=None):
        lent = (self.recorder, self.storage.steps.note)
        return TellingSessions(device or self.device(), *lent)

    def station(self, **limits):
        return Station(self.radio, self.clock, ZONE, 0.05, self.setup, **limits)

    async def scan(self, *sessions, **limits):
        """A central that scans."""
        central = Central(self.station(**limits), sessions)
        task = asyncio.create_task(central.run())
        self.stack.push_async_callback(end, task)
        await soon(self.bluez.called("StartDiscovery"))
        await soon(central.settled.wait())
        return central

    async def start_radio(self):
        await self.radio.start()
        self.bluez.is_scanning = True

    def link(self, device=None, found=None, **limits):
        """A link to the cuff as it was just sighted, not yet connected; no central."""
        path = self.bluez.sight(found or self.cuff)
        details = {"path": path, "props": {"Adapter": "/org/bluez/hci0"}}
        sighted = BLEDevice((found or self.cuff).address, "cuff", details)
        return BleLink(self.station(**limits), device or self.device(), sighted, "A&D")

    async def settle(self):
        """Return when all that bluetoothd has said has been heard by this process."""
        manager = await get_global_bluez_manager()
        for bus in (self.bluez._bus, manager._bus):
            await bus.call(Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId"))

    async def names(self):
        """How many connections the bus has."""
        bus = await MessageBus(self.daemon.address).connect()
        ask = Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "ListNames")
        reply = await bus.call(ask)
        bus.disconnect()
        return len([name for name in reply.body[0] if name.startswith(":")])

    async def readings(self):
        return [
            each for each in await self.storage.read_records() if isinstance(each, ReadingRecord)
        ]

    async def events(self):
        return [each for each in await self.storage.read_records() if isinstance(each, EventRecord)]

    async def _hang_up(self):
        with suppress(Exception):
            manager = await get_global_bluez_manager()
            manager._bus.disconnect()


async def soon(coming):
    async with asyncio.timeout(DEADLINE_S):
        return await coming


async def end(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
