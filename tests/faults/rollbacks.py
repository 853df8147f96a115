"""What comes back as it was: the office's ledger, and a hub's card while its machine runs on."""

from __future__ import annotations

import asyncio

from backend.completeness.wanted import AGAIN_MS
from simulator import history, journals
from tests.faults.intruders import as_hub
from tests.faults.rig import Hub, Rig, copy
from tests.faults.run import Result, Run, conclude
from tests.faults.ward import Ward
from uplink.outbox import Outbox
from uplink.wire import Run as Records
from uplink.wire import encode_message

READINGS = 12
COMPLETE = "complete"
NEXT_READING_S = 2
OFFICE_WAITS_NS = (AGAIN_MS + 1000) * 1_000_000


async def restored_ledger(run: Run) -> Result:
    """The copy of yesterday replaces the ledger: hubs send again what lacks, and all is proven."""
    async with Rig(run.folder, hubs=2, meters=2) as rig:
        await rig.start()
        await _live_on(rig, run.either(1, 3))
        yesterday = rig.folder / "yesterday.db"
        rig.ask_office("backup", "--out", yesterday)
        await _live_on(rig, run.either(2, 6))
        before = sum(rig.ask_hub(hub.name)["records"] for hub in rig.hubs)
        await rig.kill(rig.worker)
        for path in rig.folder.glob("ledger.db*"):
            path.unlink()
        rig.ask_office("restore", yesterday)
        lacking = before - rig.note_restored()
        await rig.launch(rig.worker)
        passing = asyncio.create_task(_let_time_pass(rig))
        await rig.settle()
        passing.cancel()
        await rig.settle()
        hubs = await rig.end_in_order(lambda hub: hub["state"] == COMPLETE)
        epochs = sum(len(hub["epochs"]) for hub in hubs)
        note = f"{lacking} records lacked and came again, {epochs} epochs complete"
        return conclude(rig.judge(), 1, note, None if lacking else "nothing lacked")


async def _let_time_pass(rig: Rig) -> None:
    """The office asks with the receipt of a next message, and not for what may be on its way."""
    while True:
        for hub in rig.hubs:
            hub.measure(1)
        await asyncio.sleep(NEXT_READING_S)
        rig.clock.set_offset(rig.clock.offset_ns + OFFICE_WAITS_NS)


async def _live_on(rig: Rig, lives: int) -> None:
    """Lives that end by kill -9 and lives that end in order, each with readings delivered."""
    for life in range(2 * lives):
        for hub in rig.hubs:
            hub.measure(READINGS)
        await rig.settle()
        for hub in rig.hubs:
            await (hub.program.stop() if life % 2 else rig.kill(hub))
            await rig.launch(hub)


async def restored_card(run: Run) -> Result:
    """Last week's image of a card starts in a second machine, while the first one runs on."""
    async with Rig(run.folder, meters=2) as rig:
        await rig.start()
        first = rig.hub
        first.measure(READINGS)
        await rig.settle()
        await first.program.stop()
        twin = await _make_twin(rig, first)
        await rig.launch(first)
        first.measure(READINGS)
        await rig.settle()
        said = await _ask_the_wrong_one(rig, first, twin)
        for _ in range(run.either(1, 4)):
            for hub in (first, twin):
                hub.measure(READINGS)
            await asyncio.sleep(run.dice.uniform(0, 1))
            await rig.kill(hub := run.dice.choice((first, twin)))
            await rig.launch(hub)
            await rig.settle()
        [found] = await rig.end_in_order(lambda hub: hub["state"] == COMPLETE)
        forks = found["forks"]
        bad = None if said else "the restored one was asked for nothing that it never had"
        if len(forks) != 1 or len(forks[0]["epochs"]) != 2 or not rig.incidents()["two-machines"]:
            bad = f"the office did not name two machines: {forks}"
        note = f"{said} records stated gone by the one, stored from the other; fork named"
        return conclude(rig.judge(), 1, note, bad)


async def _make_twin(rig: Rig, first: Hub) -> Hub:
    """A second machine with the stopped hub's keys and card, beside the second of its meters."""
    twin = Hub(rig, 1, 0, folder="twin")
    twin.ward = Ward([first.ward.meters.pop()])
    for of in ("credentials", "state"):
        copy(first.folder / of, twin.folder / of)
    await rig.open(twin)
    first.write_settings()
    rig.hubs.append(twin)
    return twin


async def _ask_the_wrong_one(rig: Rig, first: Hub, twin: Hub) -> int:
    """Records of the first are asked for while only the twin can hear it; how many it has not.

    The first had no way out for a while; then one message of it arrived, from behind the others.
    """
    await rig.broker.stop()
    first.measure(READINGS)
    await rig.wait("an empty meter", lambda: first.ward.is_empty)
    await rig.kill(first)
    await rig.launch(first)
    first.measure(1)
    await rig.wait("an empty meter", lambda: first.ward.is_empty)
    await rig.kill(first)
    for part in (rig.broker, twin):
        await rig.launch(part)
    await rig.wait("the worker", lambda: rig.is_subscribed(rig.worker))
    await rig.wait("the twin", lambda: bool(twin.logged("broker-reached")))
    await send_head(rig, first)
    await rig.wait("that it is asked", lambda: bool(twin.logged("records-gone")))
    said = sum(line["records"] for line in twin.logged("records-gone"))
    await rig.launch(first)
    return said


async def send_head(rig: Rig, hub: Hub) -> history.Name:
    """Of all that a dead hub would send, the first record of its newest epoch arrives alone."""
    image = hub.folder / "image"
    copy(hub.state, image)
    outbox = await Outbox.open(image / "outbox.db", quota_bytes=1 << 26)
    batch = await outbox.peek(0, 1_000_000, 1 << 30)
    await outbox.close()
    newest = batch.runs[-1]
    name = newest.kid.hex(), newest.first
    head = Records(newest.kid, newest.first, newest.sealed[:1])
    message = encode_message([batch.key_records[newest.kid], head])
    async with as_hub(rig, hub) as client:
        await client.publish(f"vitalpost/v1/{hub.name}/records", message)
        await rig.wait("its head", lambda: name not in _undelivered(rig))
    return name


def _undelivered(rig: Rig) -> set[history.Name]:
    return history.find_undelivered(journals.read(rig.journal), {hub.name for hub in rig.hubs})
