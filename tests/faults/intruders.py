"""Others at the same broker: who publishes receipts that are none, and who publishes junk."""

from __future__ import annotations

import asyncio
import time
from random import Random

from backend.keys.folder import load_receipt_keys
from simulator import history, journals
from tests.faults.client import Client
from tests.faults.rig import Hub, Rig
from tests.faults.run import Result, Run, conclude
from uplink.keys import Signer
from uplink.seal import sign_receipt, verify_receipt
from uplink.wire import Receipt

READINGS = 30
IGNORED = {"forged", "malformed", "foreign", "retained", "never-assigned"}
JUNK_PER_S = 10_000
BURST = 250


async def false_receipts(run: Run) -> Result:
    """Forged, replayed, reordered and retained, while nothing was stored: nothing is released."""
    async with Rig(run.folder) as rig:
        await rig.start()
        hub, topic = rig.hub, "vitalpost/v1/hub-1/receipts"
        async with as_hub(rig, hub) as spy, _as_office(rig) as intruder:
            spy.subscribe(topic)
            hub.measure(READINGS)
            await rig.settle()
            await rig.wait("receipts to replay", lambda: len(spy.heard) > 1)
            await rig.worker.stop()
            hub.measure(READINGS)
            await rig.wait("empty meters", lambda: hub.ward.is_empty)
            false = _forge(run.dice, rig, spy.heard)
            released = rig.names("released")
            await intruder.publish(topic, *false)
            await intruder.publish(topic, spy.heard[0], is_retained=True)
            said = lambda: {line["what"] for line in hub.logged("receipt-ignored")}  # noqa: E731
            await rig.wait("that they are ignored", lambda: said() >= IGNORED)
            await intruder.publish(topic, b"", is_retained=True)
            grown = rig.names("released") - released
            await rig.launch(rig.worker)
            await rig.settle()
        await rig.stop_hubs()
        bad = f"{len(grown)} records were released" if grown else None
        note = f"ignored and counted: {', '.join(sorted(IGNORED))}"
        return conclude(rig.judge(), len(false) + 1, note, bad)


def _forge(dice: Random, rig: Rig, real: list[bytes]) -> list[bytes]:
    """What claims that all is stored, signed by others, and what is real and of another time."""
    waiting = history.find_undelivered(journals.read(rig.journal), {"hub-1"})
    kids = {kid for kid, _ in waiting}
    last = max(sequence for _, sequence in waiting)
    all_of_it = {bytes.fromhex(kid): [(1, last)] for kid in kids}
    none_of_it = {bytes.fromhex(kid): [(last + 1000, last + 2000)] for kid in kids}
    ours, stranger = load_receipt_keys(rig.keys)[0], Signer.generate()
    now_ms = verify_receipt(real[-1], [ours.public()]).utc_ms
    bent = [_bend(dice, signed) for signed in real]
    return [
        sign_receipt(Receipt("hub-1", now_ms, all_of_it), stranger),
        sign_receipt(Receipt("hub-2", now_ms, all_of_it), ours),
        sign_receipt(Receipt("hub-1", now_ms, none_of_it), ours),
        dice.randbytes(200),
        b"",
        *bent,
        *reversed(real),
        *dice.sample(real, len(real)),
    ]


def _bend(dice: Random, signed: bytes) -> bytes:
    at = dice.randrange(len(signed))
    return signed[:at] + bytes([signed[at] ^ 1 << dice.randrange(8)]) + signed[at + 1 :]


async def junk(run: Run) -> Result:
    """10,000 messages a second from another hub that is enrolled; a good one delivers beside it."""
    seconds = run.either(1, 6)
    async with Rig(run.folder, hubs=2) as rig:
        good, other = rig.hubs
        await rig.start()
        await other.program.stop()
        async with as_hub(rig, other) as intruder:
            good.measure(READINGS)
            sent, elapsed_s = await _flood(run.dice, intruder, seconds)
            good.measure(READINGS)
            await rig.settle()
            assert rig.worker.pid, "the worker has died"
        counted = rig.incidents()["malformed-message"]
        await rig.stop_hubs()
        note = f"{sent / elapsed_s:.0f} a second, {counted} of {sent} taken, counted and refused"
        return conclude(rig.judge(), sent, note, None if counted else "nothing was counted")


async def _flood(dice: Random, intruder: Client, seconds: int) -> tuple[int, float]:
    began, sent = time.monotonic(), 0
    payloads = [dice.randbytes(dice.randint(0, 300)) for _ in range(BURST)]
    while sent < seconds * JUNK_PER_S:
        await intruder.publish("vitalpost/v1/hub-2/records", *payloads)
        sent += BURST
        await asyncio.sleep(max(0, began + sent / JUNK_PER_S - time.monotonic()))
    return sent, time.monotonic() - began


def as_hub(rig: Rig, hub: Hub) -> Client:
    """With the hub's certificate."""
    of = hub.folder / "credentials"
    files = (of / "broker.ca.crt", of / "hub.tls.crt", of / "hub.tls.key")
    return Client(rig.broker_port, f"{hub.name}-too", *files)


def _as_office(rig: Rig) -> Client:
    files = (rig.keys / name for name in ("ca.crt", "backend.crt", "backend.key"))
    return Client(rig.broker_port, "intruder", *files)
