"""The test reading of a device that is enrolled: awaited, marked with the visit, followed.

"Delivered" is said of what the backend's receipt names, and of nothing else.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from drivers import device_clock
from gateway.clock import read_moment
from gateway.drafts import RecordName
from gateway.pipeline import describe, draft_fact
from gateway.sentences import (
    CLOCK_BY_HAND,
    CLOCK_WRONG,
    NO_READING,
    OFFICE_REFUSED,
)
from gateway.sessions import Sessions
from gateway.visit.jobs import Premises, Progress, Stage
from gateway.visit.trial_reading import DeviceTest
from gateway.visit.unreached import explain
from uplink.claims import Fate
from uplink.fields import Attributes


async def try_out(
    progress: Progress, sessions: Sessions, premises: Premises, visit: str
) -> DeviceTest:
    """Follow the next reading of a device to the office. Raises Stop, and what storage raises."""
    progress.stage = Stage.TESTING
    test = progress.test = DeviceTest(sessions.device, premises.clock)
    try:
        await _wait_for_reading(progress, test, sessions, premises)
        assert test.name is not None
        await mark(premises, sessions, "setup-test", test.name, visit)
        progress.stage = Stage.SENDING
        await _wait_for_receipt(progress, test, premises)
    finally:
        test.end()
    return test


async def mark(
    premises: Premises, sessions: Sessions, event: str, reading: RecordName, visit: str
) -> None:
    """Record that a reading was made at a set-up visit, or not by the patient."""
    facts: Attributes = {"kid": reading.kid.hex(), "sequence": reading.sequence}
    await tell(premises, sessions, event, {**facts, "visit": visit} if visit else facts)


async def tell(premises: Premises, sessions: Sessions, event: str, facts: Attributes) -> None:
    """Record what was done with a device."""
    device = sessions.device
    draft = draft_fact(event, facts, read_moment(premises.clock))
    await premises.recorder.record([draft], describe(device, device.name))


async def _wait_for_reading(
    progress: Progress, test: DeviceTest, sessions: Sessions, premises: Premises
) -> None:
    limits, loop = premises.limits, asyncio.get_running_loop()
    ends_at = loop.time() + limits.reading_s
    while not test.has_come.is_set():
        progress.left_s = ends_at - loop.time()
        if progress.left_s <= 0:
            raise progress.stop(NO_READING)
        progress.check_on(premises, needs_window=False)
        _note_clock(progress, test, sessions)
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.step_s):
                await test.has_come.wait()
    # A device hands over what it has in one go, the newest last.
    while test.has_come.is_set():
        test.has_come.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.settle_s):
                await test.has_come.wait()
    _note_clock(progress, test, sessions)
    progress.left_s = None


def _note_clock(progress: Progress, test: DeviceTest, sessions: Sessions) -> None:
    info = sessions.device.driver.info
    if test.is_clock_wrong:
        is_set = bool(set(info.writes) & set(device_clock.CHARACTERISTICS) or info.commands)
        progress.note(CLOCK_WRONG if is_set else CLOCK_BY_HAND)


async def _wait_for_receipt(progress: Progress, test: DeviceTest, premises: Premises) -> None:
    assert test.name is not None
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + premises.limits.office_s
    while True:
        fate = await premises.outbox.fate(*test.name)
        if fate is Fate.RECEIPTED:
            test.office_at_ms = premises.standing.last_receipt_ms
            return
        if fate is Fate.REFUSED:
            raise progress.stop(OFFICE_REFUSED)
        progress.left_s = ends_at - loop.time()
        if progress.left_s <= 0:
            why = explain(premises.network.facts(), is_reached=premises.standing.is_connected)
            raise progress.stop(why, hub=premises.hub)
        progress.check_on(premises, needs_window=False)
        await asyncio.sleep(premises.limits.step_s)
