"""One life of a hub's storage: the real Recorder over the real Outbox, and all that they do."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Awaitable
from pathlib import Path

from gateway.clock import read_moment
from gateway.drafts import Draft, Place
from tests.fakes.hand_clock import DAY_S, HandClock
from tests.faults.storage.account import NOW_MS, QUOTA, Account, Keys, TellingOutbox, reopen
from tests.faults.storage.trace import Tell
from uplink.errors import OutboxDamaged, OutboxFull
from uplink.records import EventRecord

DONE, ENDED = 0, 75
TORN = "log-frames"
CHECKPOINT_PAGES = 24  # as often as 400 pages with a sixteenth of the writes


def draft(clock: HandClock, size: int) -> Draft:
    """A record with a frame of so many random bytes."""
    moment, raw = read_moment(clock), os.urandom(size)

    def make(place: Place) -> EventRecord:
        return EventRecord(place.stamp(moment), "undecodable", None, (("", raw),))

    return make


async def prepare(path: Path, keys: Keys) -> Account:
    """The outbox of a hub that was killed: an epoch closed in order, and one that is open."""
    account = Account(keys)
    living = path.parent / "living"
    living.mkdir()
    outbox = await reopen(living / path.name, account)
    clock = HandClock()
    recorder = keys.recorder(outbox, clock)
    for _ in range(4):
        await recorder.record([draft(clock, 60)])
    clock.wait(DAY_S + 1)
    await recorder.record([draft(clock, 60) for _ in range(40)])
    [run, *_] = (await outbox.peek(0, 5, 1 << 20)).runs
    await outbox.refuse(run.kid, 2, "conflict")
    for file in living.iterdir():
        shutil.copyfile(file, path.parent / file.name)
    killed = account.copy()
    await recorder.close()
    await outbox.close()
    shutil.rmtree(living)
    return killed


def live(path: Path, keys: Keys, tell: Tell) -> int:
    """Open it, do everything, close it; exit as the daemon would where storage fails."""
    try:
        asyncio.run(_live(path, keys, tell))
    except (OutboxDamaged, OSError) as fault:
        tell("ended", str(fault))
        return ENDED
    return DONE


async def _live(path: Path, keys: Keys, tell: Tell) -> None:
    outbox = await TellingOutbox.open(path, quota_bytes=QUOTA, keep_days=0)
    outbox.tell = tell
    if outbox.losses:
        tell("losses", "", [tuple(loss) for loss in outbox.losses])
    try:
        await _work(outbox, keys, tell)
    finally:
        await outbox.close()


async def _work(outbox: TellingOutbox, keys: Keys, tell: Tell) -> None:
    async def unless_full(work: Awaitable[object]) -> None:
        try:
            await work
        except OutboxFull:
            tell("full")

    await outbox._in_writer(lambda: _checkpoint_often(outbox._store.db))
    clock = HandClock()
    recorder = keys.recorder(outbox, clock)
    for size in (40, 60, 300, 2000):
        await unless_full(recorder.record([draft(clock, size)]))
    await unless_full(recorder.record([draft(clock, 60) for _ in range(30)]))
    batch = await outbox.peek(0, 60, 1 << 20)
    stored = {run.kid: [(run.first, run.first + len(run.sealed) - 1)] for run in batch.runs}
    await unless_full(outbox.release(stored, NOW_MS))
    await unless_full(outbox.requeue())
    await unless_full(recorder.record([draft(clock, 80)]))
    clock.wait(DAY_S + 1)
    await unless_full(recorder.anchor())
    await unless_full(recorder.record([draft(clock, 80), draft(clock, 80)]))
    await unless_full(recorder.close())


def _checkpoint_often(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


async def survive(path: Path, keys: Keys, account: Account, *, may_doubt: bool) -> str | None:
    """Start again with nothing failing: all is there, it goes on, and ends in order.

    `may_doubt`: a frame that was written in part cannot be told from one that was damaged later.
    """
    try:
        outbox = await reopen(path, account)
    except RuntimeError as fault:
        return str(fault)
    try:
        if outbox.losses and not (may_doubt and {loss[0] for loss in outbox.losses} == {TORN}):
            return f"the next start reports {outbox.losses}, and nothing was lost"
        if fault := await account.check(outbox):
            return fault
        clock = HandClock()
        recorder = keys.recorder(outbox, clock)
        await recorder.record([draft(clock, 70)])
        await recorder.close()
        if fault := await account.check(outbox):
            return f"when it went on, {fault}"
    finally:
        await outbox.close()
    outbox = await reopen(path, account)
    try:
        fault = await account.check(outbox)
        return f"in the end, {fault}" if fault else None
    finally:
        await outbox.close()
