"""A hub's process that is killed with -9 when a record reaches it, before it can confirm it."""

import asyncio
import os
import signal
import sys
from datetime import datetime

from bleak import BleakClient, BleakScanner

from simulator.frames import pack_time
from simulator.radio import VirtualRadio


async def main(hci, keystore):
    radio = VirtualRadio(hci, keystore)
    await radio.start()
    found = asyncio.get_running_loop().create_future()

    def on_advertisement(device, _):
        if not found.done():
            found.set_result(device)

    def on_record(_, frame):
        os.write(sys.stdout.fileno(), frame.hex().encode())
        os.kill(os.getpid(), signal.SIGKILL)

    async with BleakScanner(on_advertisement, backend=radio.scanner_backend):
        device = await found
    async with BleakClient(device, pair=True, backend=radio.client_backend) as client:
        now = pack_time(datetime.fromisoformat("2026-03-08T12:00"))
        await client.write_gatt_char("2A08", now, response=True)
        await client.start_notify("2A35", on_record)
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
