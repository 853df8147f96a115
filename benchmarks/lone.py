"""A lone reading while the line is idle: everything that crosses the air for it, both ways."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from benchmarks import readings
from benchmarks.claim import Claim
from benchmarks.json_peer import TOPIC, connect
from benchmarks.link import Traffic
from benchmarks.site import HUB, QUOTA_BYTES, START, Site
from gateway.identity.credentials import load_credentials
from uplink.forwarder import Forwarder
from uplink.mqtt import Broker
from uplink.outbox import Outbox
from uplink.records import DeviceRecord, Stamp, encode
from uplink.route import Route
from uplink.seal import Epoch, open_epoch, sign_statement
from uplink.tls import tls_context
from uplink.witness import Witness

READINGS = 20
QUIET_S = 1.0


async def measure(folder: Path) -> list[Claim]:
    """With its receipt, against a JSON message that has none."""
    async with Site(folder) as site:
        await site.office_is_up()
        ours = await _send(site)
        await site.office.stop()
        peer = await _send_json(site)
    what = "a lone reading on IP, both ways; ours with its receipt"
    return [Claim("lone", what, "B", ours, 800, True, peer)]


async def _send(site: Site) -> float:
    keys = load_credentials(site.credential(""))
    tls = tls_context(keys.broker_ca, keys.tls_certificate, keys.tls_key)
    async with AsyncExitStack() as stack:
        outbox = await Outbox.open(site.outbox, quota_bytes=QUOTA_BYTES)
        stack.push_async_callback(outbox.close)
        epoch, key_record = open_epoch(HUB, keys.signer, keys.sealing_keys[0], START)
        await outbox.begin_epoch(epoch.kid, key_record)
        route = Route(Broker("127.0.0.1", site.link.port, HUB, tls), keys.receipt_keys)
        sign = partial(sign_statement, signer=keys.signer)
        forwarder = Forwarder(outbox, route, Witness(HUB, sign, lambda: START.utc_ms))
        running = asyncio.create_task(forwarder.run())
        stack.callback(running.cancel)
        who = ("sig-blood-pressure", "1", readings.IDENTITY, "ble")
        device = encode(DeviceRecord(Stamp(0, START.utc_ms, 5), 1, *who), START)
        await _append(outbox, forwarder, epoch, device)
        while not forwarder.standing.counts["released"]:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.05)
        before = await _quiet(site)
        for number in range(1, READINGS + 1):
            await _append(outbox, forwarder, epoch, encode(readings.record(number, 1), START))
            await _quiet(site)
        return ((await _quiet(site)) - before).on_ip / READINGS


async def _append(outbox: Outbox, forwarder: Forwarder, epoch: Epoch, plaintext: bytes) -> None:
    await outbox.append(epoch.kid, [epoch.seal(plaintext)])
    forwarder.new_rows()
    await asyncio.sleep(0.1)


async def _quiet(site: Site) -> Traffic:
    """All traffic, once nothing has passed for a while."""
    while time.monotonic() - site.link.last_at < QUIET_S:  # noqa: ASYNC110  a line tells nobody
        await asyncio.sleep(0.05)
    return site.link.traffic()


async def _send_json(site: Site) -> float:
    client, acknowledged = await asyncio.to_thread(connect, site.link.port, site.credential(""))
    before = await _quiet(site)
    for number in range(1, READINGS + 1):
        client.publish(TOPIC, readings.as_json(number, HUB), 1)
        await asyncio.to_thread(acknowledged.get, timeout=30)
        await _quiet(site)
    after = await _quiet(site)
    client.disconnect()
    client.loop_stop()
    return (after - before).on_ip / READINGS
