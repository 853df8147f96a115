"""The hub's queue on flash: sealed records, kept until a receipt names them.

One thread owns the file, and what a method says it keeps is on flash when it returns. The file is
held as long as the outbox is open: others read it through the daemon, or when that is stopped.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from uplink.errors import OutboxDamaged, OutboxFull, OutboxLocked
from uplink.journal import Journal, Step, keep_no_journal
from uplink.readback import read_back
from uplink.salvage import FILES, Loss, beside, keep_damaged_log, move, set_aside
from uplink.schema import PAGE_BYTES
from uplink.statements import Previous
from uplink.store import Batch, Released, Store
from uplink.wire import Ranges

__all__ = ["Batch", "Loss", "Outbox", "Released"]

T = TypeVar("T")

_UNUSABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class Outbox:
    """Sealed records in the order they were sealed. Get one from `Outbox.open`.

    After an I/O error every call raises OutboxDamaged: acknowledge nothing, exit, open it anew.
    `losses` is what opening found damaged; of that, nothing is ever deleted.
    """

    def __init__(self, path: Path, quota_bytes: int, journal: Journal) -> None:
        self.losses: list[Loss] = []
        self._path = path
        self._rebuilt = beside(path, ".rebuilt")
        self._quota_bytes = quota_bytes
        self._journal = journal
        self._fault: sqlite3.Error | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    @classmethod
    async def open(
        cls, path: Path, *, quota_bytes: int, journal: Journal = keep_no_journal
    ) -> Self:
        """The outbox at `path`, made where there is none; its folder is locked for it.

        A file that is malformed or no outbox is set aside as `NAME.damaged-N`, and a new one begun
        with those of its rows that are sound.
        Raises OutboxLocked, OutboxNewer, and OutboxDamaged where the card does not answer.
        """
        outbox = cls(path, quota_bytes, journal)
        try:
            await outbox._in_writer(outbox._open)
        except BaseException:
            outbox._writer.shutdown()
            raise
        return outbox

    @property
    def depth(self) -> int:
        """Rows that wait for a receipt; those in quarantine are not among them."""
        return self._store.depth

    @property
    def quarantined(self) -> int:
        """Rows that are damaged or were refused by the backend: kept, and stepped over."""
        return self._store.quarantined

    def previous(self) -> Previous | None:
        """The newest epoch, for the key record of the next one."""
        return self._store.previous

    async def begin_epoch(self, kid: bytes, key_record: bytes) -> None:
        """Keep an epoch's key record, twice; before anything is sealed with its key."""
        await self._in_writer(lambda: self._store.begin_epoch(kid, key_record))

    async def end_epoch(self, kid: bytes) -> None:
        """Note that the epoch was closed in order; nothing can be appended to it any more."""
        await self._in_writer(lambda: self._store.end_epoch(kid))

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

    async def room(self) -> None:
        """Raise OutboxFull if a reading would not fit."""
        await self._in_writer(lambda: self._store.check_room(PAGE_BYTES))

    async def peek(self, after: int, limit_records: int, limit_bytes: int) -> Batch:
        """The oldest rows behind the cursor `after` (0: all), at least one where there is one."""
        return await self._in_writer(lambda: self._store.peek(after, limit_records, limit_bytes))

    async def release(self, stored: Mapping[bytes, Ranges]) -> Released:
        """Let go of what the backend has stored; rows leave the file in groups.

        A range that names sequences never assigned is left out and counted.
        """

        def work() -> Released:
            released = self._store.release(stored)
            self._journal(Step("released", released.ranges))
            return released

        return await self._in_writer(work)

    async def refuse(self, kid: bytes, sequence: int, reason: str) -> bool:
        """Put a row that the backend never accepts into quarantine; False where none waits."""
        return await self._in_writer(lambda: self._store.refuse(kid, sequence, reason))

    async def forget_known(self, kid: bytes) -> bytes:
        """The key record of an epoch that the backend turns out not to know; empty for no epoch."""
        return await self._in_writer(lambda: self._store.forget_known(kid))

    async def close(self) -> None:
        """Delete what is released and leave the file to others."""

        def work() -> None:
            try:
                self._store.close(is_sound=self._fault is None)
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
                raise OutboxFull(used_bytes, min(used_bytes, self._quota_bytes)) from fault
            self._fault = fault
            what = getattr(fault, "sqlite_errorname", "malformed")
            raise OutboxDamaged(str(self._path), what) from fault

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
        self.losses += self._store.losses

    def _open_store(self) -> Store:
        if self._rebuilt.exists() and not self._path.exists():
            move(self._rebuilt, self._path)  # a rebuilding that was killed at its last step
        damaged_log = keep_damaged_log(self._path, PAGE_BYTES)
        if damaged_log:
            self.losses.append(damaged_log)
        try:
            return Store(self._path, self._quota_bytes)
        except sqlite3.DatabaseError as fault:
            if _code(fault) == sqlite3.SQLITE_BUSY:
                raise OutboxLocked(str(self._path)) from fault
            if _code(fault) not in _UNUSABLE:
                raise
        self.losses.append(self._rebuild())
        return Store(self._path, self._quota_bytes)

    def _rebuild(self) -> Loss:
        """Put what is sound into a new file, and that in the place of the damaged one."""
        rescued = read_back(self._path)
        for ending in FILES:
            beside(self._rebuilt, ending).unlink(missing_ok=True)
        rebuilt = Store(self._rebuilt, self._quota_bytes)
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
