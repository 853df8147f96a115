"""The checkpoints that the backend is to have yet, the newest of each epoch.

Of an epoch that goes on it is kept in memory alone: after a crash the next start says more. Of an
epoch that has ended it is on flash, in the reserved pages, until a receipt shows that the backend
keeps it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import NamedTuple

from uplink.epochs import Epoch, Epochs, state_crc

KEPT = 32  # of epochs that have arrived, for a backend that never says what it keeps


class Signed(NamedTuple):
    """A checkpoint as it travels, and the last sequence that it names."""

    last_sequence: int
    statement: bytes


class Checkpoints:
    """By kid in `open`, oldest epoch first: a mapping that never changes."""

    def __init__(self, db: sqlite3.Connection, epochs: Epochs) -> None:
        self.open: Mapping[bytes, Signed] = MappingProxyType({})
        self._db = db
        self._epochs = epochs
        self._gone: set[int] = set()
        for number, last, statement, crc in db.execute("SELECT * FROM checkpoint ORDER BY number"):
            epoch = epochs.by_number.get(number)
            if epoch and crc == state_crc(epoch.kid, last, statement):
                self.offer(epoch, Signed(last, statement))
            else:
                self._gone.add(number)

    def offer(self, epoch: Epoch, signed: Signed) -> None:
        """Take it for the newest one of the epoch."""
        offered = {**self.open, epoch.kid: signed}
        kids = sorted(offered, key=lambda kid: self._epochs.by_kid[kid].number)
        self.open = MappingProxyType({kid: offered[kid] for kid in kids})
        self._gone.discard(epoch.number)

    def settle(self, epoch: Epoch, signed: Signed) -> bool:
        """The backend keeps this one; False where a newer one has taken its place."""
        if self.open.get(epoch.kid) != signed:
            return False
        self._withdraw(epoch)
        return True

    def thin(self, waiting: Container[int]) -> None:
        """Let the oldest go where too many are of epochs, by number, of which no row waits."""
        arrived = [self._epochs.by_kid[kid] for kid in self.open]
        for epoch in [epoch for epoch in arrived if epoch.number not in waiting][:-KEPT]:
            self._withdraw(epoch)

    def write(self, epoch: Epoch, signed: Signed) -> None:
        """Write the last one of an epoch; `offer` it when that is committed."""
        row = epoch.number, *signed, state_crc(epoch.kid, *signed)
        self._db.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?)", row)

    def save(self) -> None:
        """Delete what the backend keeps."""
        gone = [(number,) for number in self._gone]
        self._db.executemany("DELETE FROM checkpoint WHERE number = ?", gone)

    def saved(self) -> None:
        """What was written is committed."""
        self._gone.clear()

    def _withdraw(self, epoch: Epoch) -> None:
        self.open = MappingProxyType({k: s for k, s in self.open.items() if k != epoch.kid})
        self._gone.add(epoch.number)
