"""A device in range is found and paired, and says what it is; nothing is enrolled by it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from gateway.devices import Device
from gateway.kinds import describe
from gateway.sentences import HELD, NOT_FOUND, NOT_PAIRED, TWO_FOUND, UNSUPPORTED
from gateway.visit.candidates import Candidate, find_candidates
from gateway.visit.introduction import Introduction
from gateway.visit.jobs import Premises, Progress, Stage, Wanted

ATTEMPTS = 3
IN_USE = ("device-held", "device-away")


async def meet(progress: Progress, wanted: Wanted, premises: Premises) -> Device:
    """The device, paired, not enrolled. Raises Stop, DriverTie, LinkError."""
    found = await _look(progress, wanted, premises)
    progress.stage = Stage.PAIRING
    progress.kind = describe(found.driver, wanted.kind)
    central = premises.fleet.central
    if known := premises.fleet.at(found.address):
        await central.release(found.address)
        if known.device.bond_lost:
            await central.forget(found.address)
    device = Device(
        found.name or "new",
        found.address,
        secrets.token_bytes(16),
        found.driver,
        not wanted.is_open,
        is_awaited=True,
        passkey=wanted.passkey,
    )
    try:
        await _introduce(progress, device, premises)
    except BaseException:
        if known:
            central.adopt(known)
        raise
    return device


def list_models(premises: Premises) -> str:
    """The devices that drivers are for, in words."""
    infos = [driver.info for driver in premises.drivers.values()]
    return "; ".join(sorted({name for info in infos for name in info.devices or (info.id,)}))


async def _look(progress: Progress, wanted: Wanted, premises: Premises) -> Candidate:
    """The one device that is meant; for a moment a second one may still be heard."""
    limits, loop = premises.limits, asyncio.get_running_loop()
    ends_at = loop.time() + limits.look_s
    sure_at: float | None = None
    while True:
        progress.check_on(premises, needs_window=True)
        looked = await find_candidates(premises, wanted)
        if len(looked.found) > 1:
            raise progress.stop(TWO_FOUND)
        if looked.found:
            sure_at = sure_at or loop.time() + (0 if wanted.address else limits.second_s)
            if loop.time() >= sure_at:
                return looked.found[0]
        elif looked.is_unsupported:
            raise progress.stop(UNSUPPORTED, models=list_models(premises))
        progress.left_s = ends_at - loop.time()
        if progress.left_s <= 0:
            raise looked.tie or progress.stop(NOT_FOUND)
        await asyncio.sleep(limits.step_s)


async def _introduce(progress: Progress, device: Device, premises: Premises) -> None:
    central, loop = premises.fleet.central, asyncio.get_running_loop()
    meeting = Introduction(device, premises.recorder, premises.journal)
    central.adopt(meeting)
    ends_at = loop.time() + premises.limits.pair_s
    try:
        while not meeting.is_done:
            progress.left_s = ends_at - loop.time()
            if progress.left_s <= 0 or meeting.failures >= ATTEMPTS:
                event = meeting.last.event if meeting.last else IN_USE[0]
                raise progress.stop(HELD if event in IN_USE else NOT_PAIRED)
            progress.check_on(premises, needs_window=True)
            meeting.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(premises.limits.step_s):
                    await meeting.changed.wait()
    finally:
        progress.left_s = None
        await central.release(device.address)
        device.is_awaited, device.passkey = False, None
