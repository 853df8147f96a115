"""A card that is wiped with readings on it: what is lost is what was not delivered, and named."""

from __future__ import annotations

import shutil
from typing import Any

from simulator import history, journals
from tests.faults.rig import Hub, Rig
from tests.faults.rollbacks import OFFICE_WAITS_NS, send_head
from tests.faults.run import Result, Run, conclude

READINGS = 15


async def wiped_cards(run: Run) -> Result:
    """Three hubs lose their cards: of the first the office knows no more than what it has, of the
    second how far an epoch went, and of the third not even that there was another epoch."""
    async with Rig(run.folder, hubs=3) as rig:
        await rig.start()
        _, told, unheard = rig.hubs
        for hub in rig.hubs:
            hub.measure(READINGS)
        await rig.settle()
        await _reopen(rig, unheard)
        await rig.broker.stop()
        confirmed = {hub.name: _confirmed(rig, hub) for hub in rig.hubs}
        await _measure(rig, *rig.hubs)
        await rig.kill(told)
        await rig.launch(told)
        await _measure(rig, told)
        for hub in rig.hubs:
            await rig.kill(hub)
        await rig.launch(rig.broker)
        await rig.wait("the worker", lambda: rig.is_subscribed(rig.worker))
        await send_head(rig, told)
        rig.clock.set_offset(OFFICE_WAITS_NS)  # that asked a hub that was not there
        wiped = {hub.name: _wipe(rig, hub, confirmed[hub.name]) for hub in rig.hubs}
        for hub in rig.hubs:
            await rig.launch(hub)
            hub.measure(READINGS)
        await rig.settle()
        found = await rig.end_in_order(lambda hub: hub["running"] is None)
        verdict = rig.judge()
        bad = next(filter(None, (_check(hub, wiped[hub["hub"]]) for hub in found)), None)
        named = sum(gap["last"] - gap["first"] + 1 for hub in found for gap in hub["gaps"])
        tails = sum(epoch["state"] == "tail-unknown" for hub in found for epoch in hub["epochs"])
        note = (
            f"{verdict.counts['wiped']} records with {verdict.counts['readings wiped']} readings "
            f"wiped: {named} named as gaps, the others behind {tails} unknown tails"
        )
        return conclude(verdict, len(wiped), note, bad)


async def _measure(rig: Rig, *hubs: Hub) -> None:
    for hub in hubs:
        hub.measure(READINGS)
    await rig.wait("empty meters", lambda: all(hub.ward.is_empty for hub in hubs))


async def _reopen(rig: Rig, hub: Hub) -> None:
    """Start it anew, and let the office have how its epoch ended."""
    await hub.program.stop()
    await rig.launch(hub)
    ended = lambda: rig.ask_hub(hub.name)["state"] == "complete"  # noqa: E731
    await rig.wait("that its epoch has ended", ended)


def _wipe(rig: Rig, hub: Hub, confirmed: set[str]) -> set[history.Name]:
    """Delete its state; the journal says what went with it."""
    steps = list(journals.read(rig.journal))
    own = {
        kid for step in steps if (step.by, step.did) == (hub.name, "sealed") for kid in step.records
    }
    waiting = history.find_undelivered(steps, {other.name for other in rig.hubs})
    waiting = {name for name in waiting if name[0] in own}
    records: dict[str, list[tuple[int, int]]] = {}
    for kid, sequence in sorted(waiting):
        records.setdefault(kid, []).append((sequence, sequence))
    readings = sorted(_confirmed(rig, hub) - confirmed)
    journals.note(rig.journal, hub.name, "wiped", records=records, readings=readings)
    shutil.rmtree(hub.state)
    return waiting


def _confirmed(rig: Rig, hub: Hub) -> set[str]:
    """The readings that the hub's meters could forget so far."""
    meters = {meter.serial for meter in hub.ward.meters}
    return {
        reading
        for step in journals.read(rig.journal)
        if step.did == "confirmed" and step.by in meters
        for reading in step.readings
    }


def _check(hub: dict[str, Any], wiped: set[history.Name]) -> str | None:
    """Whether the office names all that was wiped, and nothing else, as far as anyone can know."""
    gone = {(gap["kid"], n) for gap in hub["gaps"] for n in range(gap["first"], gap["last"] + 1)}
    if any(gap["fate"] != "gone" for gap in hub["gaps"]) or gone - wiped:
        return f"{hub['hub']}: gaps {hub['gaps']}"
    tails = {e["kid"]: e["last_sequence"] for e in hub["epochs"] if e["state"] == "tail-unknown"}
    known = {epoch["kid"] for epoch in hub["epochs"]}
    for kid, sequence in sorted(wiped - gone):
        is_in_doubt = sequence > tails[kid] if kid in tails else kid not in known and bool(tails)
        if not is_in_doubt:
            return f"{hub['hub']}: nothing says that {kid}/{sequence} may lack"
    return None
