"""What the outbox does in its file with epochs and their rows; for one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from uplink.ages import Age, Ages
from uplink.checkpoints import Signed
from uplink.epochs import Epoch, Reach
from uplink.errors import CardFull, OutboxFull, SealError
from uplink.flash import FlashCount, read_written
from uplink.quarantine import DAMAGED
from uplink.readback import Rescued
from uplink.schema import connect, unless_full
from uplink.shelf import Shelf
from uplink.statements import Ending, Previous
from uplink.wire import MAX_SEQUENCE, Run

EPOCHS_IN_BATCH = 8  # their key records may all have to go along
KEEP_DAYS = 14


class Batch(NamedTuple):
    """Rows to send next. `key_records` are those, by kid, that the backend may not know yet."""

    cursor: int
    runs: tuple[Run, ...]
    key_records: Mapping[bytes, bytes]


class Store:
    """An open outbox file; its rows are on the `shelf`.

    Raises OutboxNewer, and sqlite3.Error as it comes.
    """

    def __init__(
        self,
        path: Path,
        quota_bytes: int,
        *,
        keep_days: int = KEEP_DAYS,
        is_doubtful: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        began_bytes = read_written()
        self.db, self.found_version = connect(path, quota_bytes)
        try:
            self.flash = FlashCount(self.db, now, began_bytes)
            self.shelf = Shelf(
                self.db,
                path,
                quota_bytes,
                keep_days,
                self.flash,
                is_doubtful=is_doubtful,
                now=now,
            )
        except BaseException:
            self.db.close()
            raise
        epochs = self.shelf.epochs.by_number.values()
        self._found_open = [epoch for epoch in epochs if epoch.ending is Ending.OPEN]
        self._ages = Ages(now)

    @property
    def previous(self) -> Previous | None:
        """The newest epoch."""
        newest = self.shelf.epochs.newest
        if not newest:
            return None
        is_sure = newest.ending in (Ending.CLOSED, Ending.RECOVERED)
        return Previous(newest.kid, newest.last_sequence, is_sure)

    @property
    def age(self) -> Age:
        """How long the oldest row has waited."""
        return self._ages.age(self.shelf.waiting.first)

    def close(self, *, is_sound: bool) -> None:
        """Leave the file to others; if it `is_sound`, what receipts have changed is written."""
        with closing(self.db):
            if is_sound:
                self.flash.finish()
                self.shelf.tidy(is_last=True)

    def begin_epoch(self, kid: bytes, key_record: bytes) -> None:
        """Write the key record, twice."""
        epoch = self._next_epoch(kid, key_record)
        self.shelf.make_room(2 * len(key_record))
        with self.shelf.transaction():
            self.shelf.epochs.write(epoch)
        self.shelf.epochs.add(epoch)

    def end_epoch(self, kid: bytes, ending: Ending, checkpoint: Signed | None) -> None:
        """Write how the epoch has ended, with the checkpoint that says so."""
        epoch = self.shelf.epochs.by_kid[kid]
        before, epoch.ending = epoch.ending, ending
        try:
            with self.shelf.transaction():
                self.shelf.epochs.save()
                self.flash.save()
                if checkpoint:
                    self.shelf.checkpoints.write(epoch, checkpoint)
        except BaseException:
            epoch.ending = before
            raise
        self.shelf.epochs.saved()
        self.flash.saved()
        if checkpoint:
            self.shelf.checkpoints.offer(epoch, checkpoint)
            self.shelf.checkpoints.thin({first >> 32 for first, _ in self.shelf.waiting})

    def reach(self, kid: bytes) -> Reach:
        """How far the epoch goes."""
        return self.shelf.epochs.reach(self.shelf.epochs.by_kid[kid])

    def unclosed(self) -> list[Reach]:
        """Epochs that opening found without a stated end, and with every row of theirs."""
        found = [e for e in self._found_open if e.ending is Ending.OPEN and e.chain]
        return [self.shelf.epochs.reach(epoch) for epoch in found]

    def offer_checkpoint(self, kid: bytes, signed: Signed) -> None:
        """Have a checkpoint of an epoch that goes on sent."""
        self.shelf.checkpoints.offer(self.shelf.epochs.by_kid[kid], signed)

    def adopt(self, rescued: Iterable[Rescued]) -> int:
        """Take in what another file gave back; how many rows, as far as there is room."""
        adopted = 0
        with unless_full():
            for each in rescued:
                self.begin_epoch(each.kid, each.key_record)
                epoch = self.shelf.epochs.by_kid[each.kid]
                each.describe(epoch)
                self.shelf.insert(epoch, each.rows)
                if epoch.ending:
                    self.end_epoch(each.kid, epoch.ending, each.checkpoint)
                else:
                    self.shelf.save()
                adopted += len(each.rows)
        return adopted

    def append(self, kid: bytes, rows: Sequence[tuple[int, bytes]], *, reserved: bool) -> None:
        """Insert all rows or none. Raises OutboxFull, SealError."""
        epoch = self.shelf.epochs.by_kid[kid]
        if epoch.ending in (Ending.CLOSED, Ending.RECOVERED):
            raise SealError("this epoch is closed", kid)
        self.check_room(sum(len(sealed) for _, sealed in rows), is_needed=not reserved)
        self.shelf.insert(epoch, rows)
        self._ages.note(epoch.id_of(rows[0][0]))

    def check_room(self, coming_bytes: int, *, is_needed: bool = True) -> None:
        """Make room in the readings' quota for so many bytes; raise OutboxFull if needed."""
        shelf = self.shelf
        if not shelf.make_room(coming_bytes) and is_needed:
            used_bytes = shelf.used_bytes()
            is_quota = used_bytes + coming_bytes > shelf.quota_bytes
            raise (OutboxFull if is_quota else CardFull)(used_bytes, shelf.quota_bytes)

    def peek(self, after: int, limit_records: int, limit_bytes: int) -> Batch:
        """The oldest rows behind the cursor that wait."""
        picked: list[tuple[Epoch, int, bytes]] = []
        damaged, size, numbers = [], 0, set()
        with closing(self._read_waiting(after)) as rows:
            for row, crc, sealed in rows:
                epoch = self.shelf.epochs.by_number[row >> 32]
                if not epoch.holds(row, crc, sealed):
                    damaged.append(row)
                    continue
                size += len(sealed)
                numbers.add(epoch.number)
                if len(picked) == limit_records or len(numbers) > EPOCHS_IN_BATCH:
                    break
                if picked and size > limit_bytes:
                    break
                picked.append((epoch, row, sealed))
        self.shelf.set_apart(damaged, DAMAGED)
        unknown = {epoch.kid: epoch.key_record for epoch, _, _ in picked if not epoch.is_known}
        return Batch(picked[-1][1] if picked else after, tuple(_runs(picked)), unknown)

    def _read_waiting(self, after: int) -> Generator[tuple[int, object, bytes]]:
        for first, last in self.shelf.waiting.behind(after):
            with closing(self.shelf.select(first, last)) as rows:
                yield from rows

    def _next_epoch(self, kid: bytes, key_record: bytes) -> Epoch:
        epochs = self.shelf.epochs
        if kid in epochs.by_kid:
            raise SealError("this epoch was begun before", kid)
        return Epoch(max(epochs.by_number, default=0) + 1, kid, key_record)


def _runs(picked: Sequence[tuple[Epoch, int, bytes]]) -> Iterator[Run]:
    start = 0
    for at in range(1, len(picked) + 1):
        if at == len(picked) or picked[at][1] != picked[at - 1][1] + 1:
            epoch, row, _ = picked[start]
            yield Run(epoch.kid, row & MAX_SEQUENCE, tuple(s for _, _, s in picked[start:at]))
            start = at
