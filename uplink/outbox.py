"""The hub's queue on flash: sealed records, kept until a receipt names them.

One thread owns the file, and what a method says it keeps is on flash when it returns. The file is
held as long as the outbox is open: others read it through the daemon, or when that is stopped.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from uplink import claims, survey
from uplink.checkpoints import Signed
from uplink.claims import Fate, Released, Requeued, Wanted
from uplink.epochs import Reach
from uplink.errors import CardFull, OutboxDamaged, OutboxFull, OutboxLocked
from uplink.journal import Journal, Step, keep_no_journal
from uplink.readback import read_back
from uplink.salvage import (
    FILES,
    Loss,
    beside,
    end_doubt,
    is_in_doubt,
    keep_damaged_log,
    move,
    put_in_doubt,
    set_aside,
)
from uplink.schema import PAGE_BYTES
from uplink.statements import Ending, Previous
from uplink.store import KEEP_DAYS, Batch, Store
from uplink.survey import Findings, Stats, Survey, Usage
from uplink.upgrade import VERSION
from uplink.wire import Ranges

__all__ = [
    "Batch",
    "Fate",
    "Findings",
    "Loss",
    "Outbox",
    "Reach",
    "Released",
    "Requeued",
    "Signed",
    "Stats",
    "Usage",
    "Wanted",
]

T = TypeVar("T")

_UNUSABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class Outbox:
    """Sealed records in the order they were sealed. Get one from `Outbox.open`.

    After an I/O error every call raises OutboxDamaged: acknowledge nothing, exit, open it anew.
    `losses` is what opening found damaged; of that, nothing is ever deleted.
    """

    def __init__(
        self,
        path: Path,
        quota_bytes: int,
        keep_days: int,
        journal: Journal,
        now: Callable[[], float],
    ) -> None:
        self.losses: list[Loss] = []
        self._path = path
        self._rebuilt = beside(path, ".rebuilt")
        self._quota_bytes = quota_bytes
        self._keep_days = keep_days
        self._now = now
        self._journal = journal
        self._fault: sqlite3.Error | OSError | None = None
        self._is_open = False
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        quota_bytes: int,
        keep_days: int = KEEP_DAYS,
        journal: Journal = keep_no_journal,
        now: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The outbox at `path`, made where there is none; its folder is locked for it.

        Rows that a receipt has named stay for `keep_days`, while the quota has room for them.

        A file that is malformed or no outbox is set aside as `NAME.damaged-N`, and a new one begun
        with those of its rows that are sound.
        Raises OutboxLocked, OutboxNewer, and OutboxDamaged where the card does not answer.
        """
        outbox = cls(path, quota_bytes, keep_days, journal, now)
        try:
            await outbox._in_writer(outbox._open)
        except BaseException:
            outbox._writer.shutdown()
            raise
        return outbox

    @property
    def depth(self) -> int:
        """Rows that wait for a receipt; those in quarantine are not among them."""
        return self._store.shelf.waiting.count

    @property
    def quarantined(self) -> int:
        """Rows that are damaged or were refused by the backend: kept, and stepped over."""
        return len(self._store.shelf.quarantine)

    @property
    def upgraded_from(self) -> int | None:
        """The older version in which the file was found."""
        found = self._store.found_version
        return found if 0 < found < VERSION else None

    @property
    def checkpoints(self) -> Mapping[bytes, Signed]:
        """The signed checkpoints, by kid, that the backend is to have; a mapping of its own."""
        return self._store.shelf.checkpoints.open

    def previous(self) -> Previous | None:
        """The newest epoch, for the key record of the next one."""
        return self._store.previous

    async def begin_epoch(self, kid: bytes, key_record: bytes) -> None:
        """Keep an epoch's key record, twice; before anything is sealed with its key."""
        await self._in_writer(lambda: self._store.begin_epoch(kid, key_record))

    async def end_epoch(
        self, kid: bytes, checkpoint: Signed | None = None, ending: Ending = Ending.CLOSED
    ) -> None:
        """Note how the epoch ended, with a signed checkpoint that says so; it takes no more rows.

        RECOVERED is for an epoch that `unclosed` has named.
        """
        await self._in_writer(lambda: self._store.end_epoch(kid, ending, checkpoint))

    async def reach(self, kid: bytes) -> Reach:
        """How far the epoch goes."""
        return await self._in_writer(lambda: self._store.reach(kid))

    async def unclosed(self) -> list[Reach]:
        """Epochs that nobody closed and of which opening found every row, nothing being lost."""
        return await self._in_writer(self._store.unclosed)

    async def offer_checkpoint(self, kid: bytes, signed: Signed) -> None:
        """Have a checkpoint of an epoch that goes on sent; it is kept in memory only."""
        await self._in_writer(lambda: self._store.offer_checkpoint(kid, signed))

    async def settle_checkpoint(self, kid: bytes, signed: Signed) -> bool:
        """The backend keeps this checkpoint; False where a newer one has taken its place."""
        return await self._in_writer(lambda: claims.settle(self._store.shelf, kid, signed))

    async def append(
        self, kid: bytes, rows: Sequence[tuple[int, bytes]], *, reserved: bool = False
    ) -> None:
        """Put (sequence, sealed) rows on flash, all or none; appending the same again is harmless.

        `reserved` rows, such as clock anchors, may use the pages above the readings' quota.
        Raises OutboxFull, and SealError where a sequence is already there with other bytes.
        """

        def work() -> None:
            self._store.append(kid, rows, reserved=reserved)
            self._journal(Step("committed", {kid: [(rows[0][0], rows[-1][0])]}))

        await self._in_writer(work)

    async def answer(self) -> None:
        """Return once the writer thread has come to it. Raises OutboxDamaged."""
        await self._in_writer(lambda: None)

    async def room(self) -> None:
        """Raise OutboxFull if a reading would not fit."""
        await self._in_writer(lambda: self._store.check_room(PAGE_BYTES))

    async def peek(self, after: int, limit_records: int, limit_bytes: int) -> Batch:
        """The oldest rows behind the cursor `after` (0: all), at least one where there is one."""
        return await self._in_writer(lambda: self._store.peek(after, limit_records, limit_bytes))

    async def release(self, stored: Mapping[bytes, Ranges], utc_ms: int) -> Released:
        """Let go of what the backend has stored, by a receipt of that time.

        The rows stay for a while, and leave the file in groups. A range that names sequences never
        assigned is left out and counted.
        """

        def work() -> Released:
            released = claims.release(self._store.shelf, stored, utc_ms)
            self._journal(Step("released", released.ranges))
            return released

        return await self._in_writer(work)

    async def want(self, wanted: Mapping[bytes, Ranges]) -> Wanted:
        """Let rows that the backend wants wait again, and say which of them are gone for good."""
        return await self._in_writer(lambda: claims.want(self._store.shelf, wanted))

    async def refuse(self, kid: bytes, sequence: int, reason: str) -> bool:
        """Put a row that the backend never accepts into quarantine; False where none waits."""
        return await self._in_writer(
            lambda: claims.refuse(self._store.shelf, kid, sequence, reason)
        )

    async def requeue(self, kid: bytes | None = None, sequence: int | None = None) -> Requeued:
        """Let sound rows of the quarantine wait again: all, or of one epoch, or of one sequence."""
        return await self._in_writer(lambda: claims.requeue(self._store.shelf, kid, sequence))

    async def fate(self, kid: bytes, sequence: int) -> Fate:
        """What has become of a record that was committed here."""
        return await self._in_writer(lambda: claims.tell_fate(self._store.shelf, kid, sequence))

    async def forget_known(self, kid: bytes) -> bytes:
        """The key record of an epoch that the backend turns out not to know; empty for no epoch."""
        return await self._in_writer(lambda: claims.forget_known(self._store.shelf, kid))

    async def stats(self) -> Stats:
        """The outbox in figures."""
        stats = await self._in_writer(lambda: survey.count(self._store))
        return replace(stats, losses=tuple(self.losses))

    async def usage(self) -> Usage:
        """How much room there is, and what was written to the card."""
        return await self._in_writer(lambda: survey.measure(self._store))

    async def verify(self) -> Findings:
        """Read every row and key record again; what is damaged is set apart and named.

        Readings are committed meanwhile.
        """
        so_far = Survey()
        while so_far.cursor is not None:
            await self._in_writer(lambda: survey.look_on(self._store, so_far))
        return await self._in_writer(lambda: survey.conclude(self._store, so_far))

    async def close(self) -> None:
        """Write what receipts have changed and leave the file to others. Raises OutboxDamaged."""

        def work() -> None:
            try:
                self._store.close(is_sound=self._fault is None)
            except sqlite3.Error as fault:
                raise OutboxDamaged(str(self._path), _name(fault)) from fault
            finally:
                os.close(self._folder)

        await asyncio.get_running_loop().run_in_executor(self._writer, work)
        self._writer.shutdown()

    async def _in_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._guard, work)

    def _guard(self, work: Callable[[], T]) -> T:
        if self._fault:
            raise OutboxDamaged(str(self._path), "it failed before") from self._fault
        try:
            return work()
        except sqlite3.Error as fault:
            if _code(fault) == sqlite3.SQLITE_FULL:
                used_bytes = self._path.stat().st_size
                kind = OutboxFull if used_bytes >= self._quota_bytes else CardFull
                raise kind(used_bytes, self._quota_bytes) from fault
            self._fault = fault
            raise OutboxDamaged(str(self._path), _name(fault)) from fault
        except OSError as fault:
            if not self._is_open:
                raise  # what keeps it from being opened is for the settings
            self._fault = fault
            raise OutboxDamaged(str(self._path), fault.strerror or str(fault)) from fault

    def _open(self) -> None:
        self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # SQLite's own lock comes too late: its log is looked at before.
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._store = self._open_store()
        except BaseException as fault:
            os.close(self._folder)
            if isinstance(fault, BlockingIOError):
                raise OutboxLocked(str(self._path)) from fault
            raise
        self.losses += self._store.shelf.losses
        self._is_open = True

    def _open_store(self) -> Store:
        if self._rebuilt.exists() and not self._path.exists():
            move(self._rebuilt, self._path)  # a rebuilding that was killed at its last step
        damaged_log = keep_damaged_log(self._path, PAGE_BYTES)
        if damaged_log:
            self.losses.append(damaged_log)
            put_in_doubt(self._path)
        try:
            store = self._make_store(self._path)
        except sqlite3.DatabaseError as fault:
            if _code(fault) == sqlite3.SQLITE_BUSY:
                raise OutboxLocked(str(self._path)) from fault
            if _code(fault) not in _UNUSABLE:
                raise
            self.losses.append(self._rebuild())
            store = self._make_store(self._path)
        end_doubt(self._path)
        return store

    def _make_store(self, path: Path) -> Store:
        is_doubtful = is_in_doubt(self._path)
        return Store(
            path,
            self._quota_bytes,
            keep_days=self._keep_days,
            is_doubtful=is_doubtful,
            now=self._now,
        )

    def _rebuild(self) -> Loss:
        """Put what is sound into a new file, and that in the place of the damaged one."""
        rescued = read_back(self._path)
        for ending in FILES:
            beside(self._rebuilt, ending).unlink(missing_ok=True)
        rebuilt = self._make_store(self._rebuilt)
        try:
            rows = rebuilt.adopt(rescued)
        finally:
            rebuilt.close(is_sound=True)
        loss = set_aside(self._path)
        move(self._rebuilt, self._path)
        return loss._replace(read_back=rows)


def _code(fault: sqlite3.Error) -> int:
    """SQLite's primary result code; what we raise ourselves means a malformed file."""
    return int(getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF


def _name(fault: sqlite3.Error) -> str:
    return str(getattr(fault, "sqlite_errorname", "malformed"))
