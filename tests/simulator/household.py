import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from zoneinfo import ZoneInfo

from gateway.devices import Device, Socket
from gateway.links.ble import Central
from gateway.links.gatt import Station
from gateway.links.serial import Ports
from gateway.links.serial_link import Bench
from gateway.registry import load_drivers
from gateway.sessions import Sessions
from gateway.setup import SetupWindow
from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.kinds import KINDS, Place, Wanted, bonds, identity, make
from simulator.radio import VirtualRadio
from tests.fakes.hub_storage import HubStorage
from uplink.records import EventRecord, ReadingRecord

ZONE = ZoneInfo("America/New_York")
DEADLINE_S = 30


class Household:
    """Devices as the simulator makes them, and a hub with real bleak, drivers and outbox."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ScriptClock.create(folder / "clock")
        self.log = []
        self.setup = SetupWindow()
        self.setup.open()
        self.sessions = {}
        self.stack = AsyncExitStack()
        self._drivers = load_drivers()

    async def __aenter__(self):
        self.air = Air()
        self.hci = await self.air.open()
        self.stack.callback(self.air.close)
        self.storage = await HubStorage.open(self.folder, self.clock)
        self.stack.push_async_callback(self.storage.outbox.close)
        self.recorder = self.storage.start_recorder()
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    async def add(self, text, **facts):
        """A device, there and enrolled; `facts` are of the hub's entry."""
        wanted = Wanted.parse(text)
        device = make(
            wanted, Place(self.air, self.clock, self.folder, 0), partial(self._note, wanted.name)
        )
        self.start(device.run())
        await soon(device.powered.wait())
        where, kind = device.where(), KINDS[wanted.kind]
        enrolled = Device(
            wanted.name,
            where.get("address", ""),
            identity(wanted.kind, device.serial),
            self._drivers[kind.driver],
            bonds(wanted.kind),
            socket=Socket(port=where["port"]) if "port" in where else None,
            **facts,
        )
        self.sessions[wanted.name] = Sessions(enrolled, self.recorder, self.storage.steps.note)
        return device

    def start_hub(self):
        radio = VirtualRadio(self.hci, str(self.folder / "bonds.json"))
        on_air = [each for each in self.sessions.values() if each.device.address]
        wired = [each for each in self.sessions.values() if not each.device.address]
        station = Station(radio, self.clock, ZONE, 2.0, self.setup)
        self.central = Central(station, on_air)
        self.start(self.central.run())
        if wired:
            self.start(Ports(Bench(self.clock, ZONE, look_s=0.005), wired).run())

    async def forget(self, name):
        """As a technician has the hub forget a bond; what failed before holds nothing up."""
        await self.central.forget(self.sessions[name].device.address)
        self.sessions[name].hasten()

    def start(self, work):
        task = asyncio.create_task(work)
        self.stack.push_async_callback(end, task)
        return task

    async def delivered(self, *devices):
        for device in devices:
            await soon(device.idle.wait())

    async def ended(self, name, event="ok"):
        """Wait until the last session with the device ended so."""
        async with asyncio.timeout(DEADLINE_S):
            while (last := self.sessions[name].last) is None or last.event != event:  # noqa: ASYNC110  it has no event for that
                await asyncio.sleep(0.005)

    def logged(self, device, event, fact="frame"):
        return [facts[fact] for name, did, facts in self.log if (name, did) == (device, event)]

    async def readings(self, source):
        return [r for r in await self.records(ReadingRecord) if r.raw[0][0] == source]

    async def events(self, name):
        return [event for event in await self.records(EventRecord) if event.name == name]

    async def records(self, *kinds):
        kept = await self.storage.read_records()
        return [record for record in kept if isinstance(record, kinds)]

    def pass_seconds(self, seconds):
        self.clock.set_offset(self.clock.offset_ns + seconds * 1_000_000_000)

    def _note(self, device, event, **facts):
        self.log.append((device, event, facts))


async def soon(coming):
    async with asyncio.timeout(DEADLINE_S):
        return await coming


async def end(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
