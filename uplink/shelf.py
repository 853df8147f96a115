"""The rows of an outbox file and where each stands: it waits, was released, or is in quarantine."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from uplink.checkpoints import Checkpoints
from uplink.epochs import Epoch, Epochs
from uplink.errors import SealError
from uplink.flash import FlashCount
from uplink.quarantine import DAMAGED, Quarantine
from uplink.reserve import RESERVE_BYTES, Reserve
from uplink.retention import Retention
from uplink.salvage import Loss
from uplink.schema import PAGE_BYTES, unless_full
from uplink.spans import Spans
from uplink.wire import MAX_SEQUENCE

GROUP = 100  # rows that receipts have named are written in such, and make way for new ones
DELETE_GROUP = 1000  # rows that have stayed long enough leave in such
NEARLY_FULL = 0.8  # of the quota: from there on no row is kept that a receipt has named
KEPT_EPOCHS = 8  # without rows: a receipt that comes twice still finds its epoch


class Shelf:
    """All rows of an open file, read and verified. `losses` is what that found damaged.

    `is_doubtful`: some of the file was lost before, so that no epoch without a stated end is whole.
    What receipts change is written in groups, or with the next thing that must be written at once.
    """

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        db: sqlite3.Connection,
        path: Path,
        quota_bytes: int,
        keep_days: int,
        flash: FlashCount,
        *,
        is_doubtful: bool,
        now: Callable[[], float],
    ) -> None:
        self.losses: list[Loss] = []
        self.quota_bytes = quota_bytes
        self.waiting = Spans()
        self.epochs = Epochs(db)
        self.quarantine = Quarantine(db)
        self.retention = Retention(db, keep_days, now)
        self.checkpoints = Checkpoints(db, self.epochs)
        self._db = db
        self._path = path
        self._reserve = Reserve(path)
        self._flash = flash
        self._load(is_doubtful=is_doubtful)

    def select(self, first: int, last: int) -> sqlite3.Cursor:
        """(id, CRC, sealed) of the rows from `first` to `last`."""
        query = "SELECT id, crc, sealed FROM record WHERE id BETWEEN ? AND ? ORDER BY id"
        return self._db.execute(query, (first, last))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written in here."""
        try:
            with self._db:
                self._db.execute("BEGIN")
                yield
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode == sqlite3.SQLITE_FULL:
                self._relieve()
            raise

    def used_bytes(self) -> int:
        """Pages in use, in bytes."""
        used, _ = self._count_bytes()
        return used

    def card_bytes(self) -> int:
        """Bytes that the card has room for: free pages of the file, and what the file may take."""
        _, free = self._count_bytes()
        card = os.statvfs(self._path.parent)
        return free + card.f_bavail * card.f_frsize

    def make_room(self, coming_bytes: int) -> bool:
        """Whether quota and card have room for so many bytes.

        Released rows make way, the oldest first, where the quota is nearly used up.
        """
        while not self._has_room(coming_bytes, int(NEARLY_FULL * self.quota_bytes)):
            oldest = self.retention.rows.oldest(GROUP)
            if not oldest or not self._delete(oldest):
                break
        return self._has_room(coming_bytes, self.quota_bytes)

    def insert(self, epoch: Epoch, rows: Sequence[tuple[int, bytes]]) -> None:
        """Write all rows or none. Raises SealError for one that is there with other bytes."""
        added = []
        with self.transaction():
            for sequence, sealed in rows:
                row = epoch.row(sequence, sealed)
                insert = self._db.execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?)", row)
                if insert.rowcount:
                    added.append(sequence)
                elif row not in self.select(row[0], row[0]):
                    raise SealError(f"sequence {sequence} is there with other bytes", epoch.kid)
        for sequence, sealed in rows:
            epoch.take(sequence, sealed)
        for sequence in added:
            self.waiting.add(epoch.id_of(sequence), epoch.id_of(sequence))
        epoch.rows += len(added)

    def release(self, first: int, last: int, utc_ms: int) -> int:
        """Release what a receipt of that time has named; how many rows that are new to it."""
        waiting = self.waiting.within(first, last)
        apart = [(row, row) for row in self.quarantine.within(first, last)]
        for span in waiting:
            self.waiting.discard(*span)
        for row, _ in apart:
            self.quarantine.let_go(row)
        for span in waiting + apart:
            self.retention.keep(*span, utc_ms)
        return sum(last - first + 1 for first, last in waiting + apart)

    def wait_again(self, rows: Spans) -> None:
        """Let rows wait that were released or in quarantine."""
        for first, last in rows:
            self.retention.discard(first, last)
            for row in self.quarantine.within(first, last):
                self.quarantine.let_go(row)
            self.waiting.add(first, last)
        if rows.count:
            self.save()

    def set_apart(self, rows: Sequence[int], reason: str) -> None:
        """Put rows into quarantine."""
        for row in rows:
            self.waiting.discard(row, row)
            self.retention.discard(row, row)
        self.quarantine.set_apart(rows, reason)
        if rows:
            self.save()

    def tidy(self, *, is_last: bool = False) -> None:
        """Delete what has stayed long enough and write what has changed, in groups, or at last."""
        expired = Spans(self.retention.expired())
        while expired.count >= (1 if is_last else DELETE_GROUP):
            group = expired.oldest(DELETE_GROUP)
            if not self._delete(group):
                return
            for span in group:
                expired.discard(*span)
        if self.retention.unsaved_rows >= GROUP or is_last:
            self.save()

    def save(self) -> None:
        """Write what has changed, if there is room for it."""
        with unless_full(), self._saving():
            pass

    def drop(self, epochs: Iterable[Epoch]) -> None:
        """Delete those of the epochs of which nothing is here any more."""
        for epoch in list(epochs):
            if epoch.rows or epoch.kid in self.checkpoints.open:
                continue
            with unless_full():
                with self.transaction():
                    self.epochs.erase(epoch)
                self.epochs.forget(epoch)

    def _delete(self, spans: Sequence[tuple[int, int]]) -> bool:
        is_done = self._try_to_delete(spans) or self._try_to_delete(spans)
        for first, last in spans if is_done else ():
            self.retention.discard(first, last)
            self.epochs.by_number[first >> 32].rows -= last - first + 1
        older = sorted(self.epochs.by_number)[:-KEPT_EPOCHS]
        self.drop([self.epochs.by_number[number] for number in older])
        return is_done

    def _try_to_delete(self, spans: Sequence[tuple[int, int]]) -> bool:
        """Whether they are gone; where there was no room for it, there may be now."""
        try:
            # Before a row leaves, the chain that covers it is written; so all that has changed is.
            with self._saving():
                self._db.executemany("DELETE FROM record WHERE id BETWEEN ? AND ?", spans)
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            return False
        return True

    def _has_room(self, coming_bytes: int, limit_bytes: int) -> bool:
        used, free = self._count_bytes()
        is_held = self._reserve.hold(max(0, RESERVE_BYTES - free))
        return is_held and used + coming_bytes <= limit_bytes

    def _relieve(self) -> None:
        """Put the log into the database, with the room that was held for it."""
        self._reserve.give_up()
        with unless_full():
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _count_bytes(self) -> tuple[int, int]:
        """Of pages in use, and of free ones."""
        [pages] = self._db.execute("PRAGMA page_count").fetchone()
        [free] = self._db.execute("PRAGMA freelist_count").fetchone()
        return (pages - free) * PAGE_BYTES, free * PAGE_BYTES

    @contextmanager
    def _saving(self) -> Iterator[None]:
        parts = (self.epochs, self.retention, self.quarantine, self.checkpoints, self._flash)
        with self.transaction():
            for part in parts:
                part.save()
            yield
        for part in parts:
            part.saved()

    def _load(self, *, is_doubtful: bool) -> None:
        there, damaged = self._read()
        self.retention.limit_to(there)
        for span in there:
            self.waiting.add(*span)
        for span in self.retention.rows:
            self.waiting.discard(*span)
        if self.epochs.lost:
            self.losses.append(Loss("key-records", self.epochs.lost))
        if damaged:
            self.losses.append(Loss("rows", len(damaged)))
        if is_doubtful or self.losses:
            for epoch in self.epochs.by_number.values():
                epoch.doubt()
        self.set_apart(damaged, DAMAGED)
        self.save()
        self.drop(e for e in self.epochs.by_number.values() if not e.last_sequence)

    def _read(self) -> tuple[Spans, list[int]]:
        """Rows that are sound and not in quarantine, and those that are damaged and not there."""
        there, damaged = Spans(), []
        for row, crc, sealed in self.select(-(1 << 63), (1 << 63) - 1):
            epoch = self.epochs.by_number.get(row >> 32)
            is_sound = epoch is not None and epoch.holds(row, crc, sealed)
            if epoch:
                epoch.rows += 1
                if is_sound:
                    epoch.take(row & MAX_SEQUENCE, sealed)
                elif row & MAX_SEQUENCE > epoch.last_sequence:
                    epoch.doubt()  # it may be the last
            if row in self.quarantine:
                continue
            if is_sound:
                there.add(row, row)
            else:
                damaged.append(row)
        return there, damaged
