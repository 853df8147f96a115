import asyncio
from contextlib import AsyncExitStack, suppress

from bleak import BleakClient, BleakScanner

from simulator.air import Air
from simulator.clock import ScriptClock
from simulator.devices.cuff import Cuff
from simulator.frames import pack_time
from simulator.radio import VirtualRadio

DEADLINE_S = 20


class Stand:
    """An air, a cuff and any number of hubs, all in this process; hubs attach over real TCP."""

    def __init__(self, folder):
        self.folder = folder
        self.script = ScriptClock.create(folder / "clock")
        self.air = Air()
        self.log = []
        self.stack = AsyncExitStack()

    async def __aenter__(self):
        self.hci = await self.air.open()
        self.stack.callback(self.air.close)
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    def cuff(self, kind=Cuff, ppm=0):
        cuff = kind(
            self.air, self.script, self.note, address="F0:00:00:12:34:56", serial="51", ppm=ppm
        )
        task = asyncio.create_task(cuff.run())
        self.stack.push_async_callback(ended, task)
        return cuff

    async def hub(self, keystore="bonds.json"):
        radio = VirtualRadio(self.hci, str(self.folder / keystore))
        await radio.start()
        self.stack.push_async_callback(radio.stop)
        return Hub(radio)

    def pass_seconds(self, seconds):
        self.script.set_offset(self.script.offset_ns + seconds * 1_000_000_000)

    def note(self, event, **facts):
        self.log.append((event, facts))

    def logged(self, event, fact):
        return [facts[fact] for name, facts in self.log if name == event]


class Hub:
    """A central that uses bleak as the gateway does."""

    def __init__(self, radio):
        self.radio = radio
        self.frames = asyncio.Queue()
        self.gone = asyncio.Event()

    async def find(self):
        heard = asyncio.get_running_loop().create_future()

        def on_advertisement(device, advertisement):
            if not heard.done():
                heard.set_result((device, advertisement))

        async with BleakScanner(
            on_advertisement,
            service_uuids=["00001810-0000-1000-8000-00805f9b34fb"],
            backend=self.radio.scanner_backend,
            **self.radio.scanner_args,
        ):
            return await asyncio.wait_for(heard, DEADLINE_S)

    def client(self, device, *, pair=True, timeout=DEADLINE_S):
        self.gone.clear()
        return BleakClient(
            device,
            lambda _: self.gone.set(),
            pair=pair,
            timeout=timeout,
            backend=self.radio.client_backend,
            **self.radio.client_args,
        )

    async def connect(self, *, pair=True):
        device, _ = await self.find()
        client = self.client(device, pair=pair)
        await client.connect()
        return client

    async def set_clock(self, client, at):
        await client.write_gatt_char("2A08", pack_time(at), response=True)

    async def subscribe(self, client):
        await client.start_notify("2A35", lambda _, frame: self.frames.put_nowait(bytes(frame)))

    async def left(self):
        await asyncio.wait_for(self.gone.wait(), DEADLINE_S)

    async def visit(self, at):
        client = await self.connect()
        await self.set_clock(client, at)
        await self.subscribe(client)
        await self.left()
        return [self.frames.get_nowait() for _ in range(self.frames.qsize())]


async def ended(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
