"""What the outbox does in its file, one transaction at a time; for one thread."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from uplink.errors import OutboxFull, SealError
from uplink.readback import Rescued
from uplink.salvage import Loss
from uplink.schema import PAGE_BYTES, Epoch, connect, load_epochs, unless_full
from uplink.statements import Previous
from uplink.wire import MAX_SEQUENCE, Ranges, Run

DELETE_GROUP = 100
KEPT_EPOCHS = 8  # without rows: a receipt that comes twice still finds its epoch
EPOCHS_IN_BATCH = 8  # their key records may all have to go along


class Batch(NamedTuple):
    """Rows to send next. `key_records` are those, by kid, that the backend may not know yet."""

    cursor: int
    runs: tuple[Run, ...]
    key_records: Mapping[bytes, bytes]


class Released(NamedTuple):
    """How many rows a receipt released, by which of its ranges; `never_assigned` it named amiss."""

    rows: int
    ranges: Mapping[bytes, Ranges]
    never_assigned: int


class Store:
    """An open outbox file, verified row by row; `losses` is what that found damaged.

    Raises OutboxNewer, and sqlite3.Error as it comes.
    """

    def __init__(self, path: Path, quota_bytes: int) -> None:
        self.losses: list[Loss] = []
        self._quota_bytes = quota_bytes
        self._quarantine: set[int] = set()
        self._released: set[int] = set()
        self._rows = 0
        self._db = connect(path, quota_bytes)
        try:
            self._epochs, lost = load_epochs(self._db)
            self._by_kid = {epoch.kid: epoch for epoch in self._epochs.values()}
            if lost:
                self.losses.append(Loss("key-records", lost))
            self._verify_rows()
            self._drop(epoch for epoch in self._epochs.values() if not epoch.last_sequence)
        except BaseException:
            self._db.close()
            raise

    @property
    def depth(self) -> int:
        """Rows that wait for a receipt."""
        return self._rows - len(self._quarantine) - len(self._released)

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return len(self._quarantine)

    @property
    def previous(self) -> Previous | None:
        """The newest epoch."""
        if not self._epochs:
            return None
        newest = self._epochs[max(self._epochs)]
        return Previous(newest.kid, newest.last_sequence, newest.is_clean)

    def close(self, *, is_sound: bool) -> None:
        """Leave the file to others; what is released is deleted before if the file `is_sound`."""
        with closing(self._db):
            if is_sound:
                self._delete_released()

    def begin_epoch(self, kid: bytes, key_record: bytes) -> None:
        """Write the key record, twice."""
        if kid in self._by_kid:
            raise SealError("this epoch was begun before", kid)
        epoch = Epoch(max(self._epochs, default=0) + 1, kid, key_record)
        with self._transaction():
            self._db.execute("INSERT INTO key_record VALUES (?, ?, ?, ?)", epoch.key_row())
            self._db.execute("INSERT INTO key_copy VALUES (?, ?, ?, ?)", epoch.key_row())
            self._save([epoch])
        self._epochs[epoch.number] = self._by_kid[kid] = epoch

    def end_epoch(self, kid: bytes) -> None:
        """Mark the epoch as closed in order."""
        epoch = self._by_kid[kid]
        epoch.is_clean = True
        self._save([epoch])

    def adopt(self, rescued: Iterable[Rescued]) -> int:
        """Take in what another file gave back; how many rows, as far as there is room."""
        adopted = 0
        with unless_full():
            for kid, key_record, rows in rescued:
                self.begin_epoch(kid, key_record)
                self.append(kid, rows, reserved=True)
                adopted += len(rows)
        return adopted

    def append(self, kid: bytes, rows: Sequence[tuple[int, bytes]], *, reserved: bool) -> None:
        """Insert all rows or none. Raises OutboxFull, SealError."""
        epoch = self._by_kid[kid]
        if epoch.is_clean:
            raise SealError("this epoch is closed", kid)
        if not reserved:
            self.check_room(sum(len(sealed) for _, sealed in rows))
        added = 0
        with self._transaction():
            for sequence, sealed in rows:
                row = epoch.row(sequence, sealed)
                insert = self._db.execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?)", row)
                added += insert.rowcount
                if not insert.rowcount and row not in self._select("id = ?", row[:1]):
                    raise SealError(f"sequence {sequence} is there with other bytes", kid)
        self._rows += added
        epoch.rows += added
        epoch.last_sequence = max([epoch.last_sequence, *(sequence for sequence, _ in rows)])

    def check_room(self, coming_bytes: int) -> None:
        """Raise OutboxFull if the readings' quota has no room for so many bytes."""
        if self._used_bytes() + coming_bytes > self._quota_bytes:
            self._delete_released()
            if self._used_bytes() + coming_bytes > self._quota_bytes:
                raise OutboxFull(self._used_bytes(), self._quota_bytes)

    def peek(self, after: int, limit_records: int, limit_bytes: int) -> Batch:
        """The oldest rows behind the cursor."""
        picked: list[tuple[Epoch, int, bytes]] = []
        damaged = []
        epoch, epochs, size = None, 0, 0
        with closing(self._select("id > ? ORDER BY id", (after,))) as rows:
            for row, crc, sealed in rows:
                if row in self._quarantine or row in self._released:
                    continue
                if not epoch or row >> 32 != epoch.number:
                    epoch = self._epochs[row >> 32]
                    epochs += 1
                if not epoch.holds(row, crc, sealed):
                    damaged.append(row)
                    continue
                size += len(sealed)
                if len(picked) == limit_records or epochs > EPOCHS_IN_BATCH:
                    break
                if picked and size > limit_bytes:
                    break
                picked.append((epoch, row, sealed))
        self._set_apart(damaged, "damaged")
        unknown = {epoch.kid: epoch.key_record for epoch, _, _ in picked if not epoch.is_known}
        return Batch(picked[-1][1] if picked else after, tuple(_runs(picked)), unknown)

    def release(self, stored: Mapping[bytes, Ranges]) -> Released:
        """Mark what the ranges name as gone, and delete it once there is a group of it."""
        before = len(self._released)
        assigned: dict[bytes, list[tuple[int, int]]] = {}
        never_assigned = 0
        for kid, ranges in stored.items():
            epoch = self._by_kid.get(kid)
            for first, last in ranges:
                if not epoch or last > epoch.last_sequence:
                    never_assigned += 1
                    continue
                epoch.is_known = True
                assigned.setdefault(kid, []).append((first, last))
                ids = (epoch.id_of(first), epoch.id_of(last))
                self._released.update(row for row, _, _ in self._select("id BETWEEN ? AND ?", ids))
        self._quarantine -= self._released
        released = Released(len(self._released) - before, assigned, never_assigned)
        if len(self._released) >= DELETE_GROUP:
            self._delete_released()
        return released

    def refuse(self, kid: bytes, sequence: int, reason: str) -> bool:
        """Put a row into quarantine; False where none waits."""
        epoch = self._by_kid.get(kid)
        found = self._select("id = ?", (epoch.id_of(sequence),)) if epoch else ()
        waiting = [row for row, _, _ in found if row not in self._quarantine | self._released]
        self._set_apart(waiting, reason)
        return bool(waiting)

    def forget_known(self, kid: bytes) -> bytes:
        """The epoch's key record, which the backend asks for again; empty where there is none."""
        epoch = self._by_kid.get(kid)
        if not epoch:
            return b""
        if epoch.is_known:
            epoch.is_known = False
            with unless_full():
                self._save([epoch])
        return epoch.key_record

    def _verify_rows(self) -> None:
        apart = self._db.execute("SELECT id FROM quarantine JOIN record USING (id)")
        self._quarantine.update(row for (row,) in apart)
        damaged = []
        for row, crc, sealed in self._select("true ORDER BY id"):
            self._rows += 1
            epoch = self._epochs.get(row >> 32)
            if epoch:
                epoch.rows += 1
            if epoch and epoch.holds(row, crc, sealed):
                epoch.last_sequence = max(epoch.last_sequence, row & MAX_SEQUENCE)
            elif row not in self._quarantine:
                damaged.append(row)
        if damaged:
            self._set_apart(damaged, "damaged")
            self.losses.append(Loss("rows", len(damaged)))

    def _delete_released(self) -> None:
        gone = [(row,) for row in sorted(self._released)]
        fewer = Counter(row >> 32 for row in self._released)
        with unless_full():
            with self._transaction():
                self._db.executemany("DELETE FROM record WHERE id = ?", gone)
                self._db.executemany("DELETE FROM quarantine WHERE id = ?", gone)
                self._save(self._epochs[number] for number in fewer)
            self._rows -= len(gone)
            self._released.clear()
            for number, rows in fewer.items():
                self._epochs[number].rows -= rows
        self._drop(self._epochs[number] for number in sorted(self._epochs)[:-KEPT_EPOCHS])

    def _drop(self, epochs: Iterable[Epoch]) -> None:
        for epoch in [epoch for epoch in epochs if not epoch.rows]:
            with unless_full():
                with self._transaction():
                    for table in ("epoch", "key_record", "key_copy"):
                        self._db.execute(f"DELETE FROM {table} WHERE number = ?", (epoch.number,))  # noqa: S608  our own names
                del self._epochs[epoch.number], self._by_kid[epoch.kid]

    def _save(self, epochs: Iterable[Epoch]) -> None:
        rows = [epoch.state_row() for epoch in epochs]
        self._db.executemany("INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?)", rows)

    def _set_apart(self, rows: Sequence[int], reason: str) -> None:
        if not rows:
            return
        self._quarantine.update(rows)
        apart = [(row, reason) for row in rows]
        with unless_full(), self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO quarantine VALUES (?, ?)", apart)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._db:
            self._db.execute("BEGIN")
            yield

    def _used_bytes(self) -> int:
        [pages] = self._db.execute("PRAGMA page_count").fetchone()
        [free] = self._db.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    def _select(self, where: str, values: Sequence[int] = ()) -> sqlite3.Cursor:
        return self._db.execute(f"SELECT id, crc, sealed FROM record WHERE {where}", values)  # noqa: S608  our own text


def _runs(picked: Sequence[tuple[Epoch, int, bytes]]) -> Iterator[Run]:
    start = 0
    for at in range(1, len(picked) + 1):
        if at == len(picked) or picked[at][1] != picked[at - 1][1] + 1:
            epoch, row, _ = picked[start]
            yield Run(epoch.kid, row & MAX_SEQUENCE, tuple(s for _, _, s in picked[start:at]))
            start = at
