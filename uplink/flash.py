"""What the hub writes to its card, counted by the kernel, over all of its lives.

`write_bytes` of /proc/self/io (proc(5)): whole pages of memory that this process made the kernel
write, to any file. Not in it: the file system's own journal, what a card writes beside what it is
told to, and what other processes write, journald with the hub's log among them. A day is 24 hours
in which the hub ran; no clock is asked that somebody sets.

The count lies in the outbox and goes with what is written there anyway, at most once an hour: a
hub that is killed forgets what it counted since. A rebuilt outbox counts anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from uplink.epochs import state_crc

DAY_S = 24 * 60 * 60
HOUR_S = 60 * 60
BUDGET_BYTES = 4 * 20 * 6_500  # a day of 4 devices with 20 readings each, one by one

_ID = 1


class Written(NamedTuple):
    """Bytes in all and in how many seconds; of the last whole day (None: none yet); since then."""

    total_bytes: int = 0
    total_s: int = 0
    day_bytes: int | None = None
    part_bytes: int = 0
    part_s: int = 0


def read_written() -> int | None:
    """Bytes that this process had written since it began; None where the kernel does not count."""
    try:
        told = Path("/proc/self/io").read_text()
    except OSError:
        return None
    return int(told.partition("\nwrite_bytes: ")[2].split()[0])


class FlashCount:
    """Counts on from what was written in `table`, from `began_bytes` of this process."""

    def __init__(
        self,
        db: sqlite3.Connection,
        now: Callable[[], float],
        began_bytes: int | None,
        read: Callable[[], int | None] = read_written,
    ) -> None:
        self.written = Written()
        self._db = db
        self._now = now
        self._read = read
        self._looked_s = self._saved_s = now()
        self._looked_bytes = began_bytes
        self._is_last = False
        for row in db.execute("SELECT * FROM flash"):
            if row[-1] == state_crc(*row[:-1]):
                self.written = Written(*row[1:-1])

    def look(self) -> Written | None:
        """What is written up to now; None where the kernel does not count."""
        found, now_s = self._read(), self._now()
        if found is None or self._looked_bytes is None:
            return None
        new_bytes, new_s = found - self._looked_bytes, int(now_s - self._looked_s)
        self._looked_bytes, self._looked_s = found, self._looked_s + new_s
        before = self.written
        part_bytes, part_s, day_bytes = before.part_bytes + new_bytes, before.part_s + new_s, None
        if part_s >= DAY_S:
            part_bytes, part_s, day_bytes = 0, 0, part_bytes * DAY_S // part_s
        self.written = Written(
            before.total_bytes + new_bytes,
            before.total_s + new_s,
            before.day_bytes if day_bytes is None else day_bytes,
            part_bytes,
            part_s,
        )
        return self.written

    def finish(self) -> None:
        """The next save is the last one."""
        self._is_last = True

    def save(self) -> None:
        """Write the count, if it is time to. Within a transaction of the caller."""
        if self._is_due() and self.look():
            row = (_ID, *self.written)
            values = (*row, state_crc(*row))
            self._db.execute("INSERT OR REPLACE INTO flash VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def saved(self) -> None:
        """What was written is committed."""
        if self._is_due():
            self._saved_s = self._now()

    def _is_due(self) -> bool:
        return self._is_last or self._now() - self._saved_s >= HOUR_S
