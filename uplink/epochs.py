"""The epochs that an outbox knows: their key records, how far they go, their chains, their ends.

A row of `epoch` is written when an epoch begins and ends and before rows of it leave the file; what
was appended since is found again in the rows themselves. A damaged one leaves the end in doubt.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from zlib import crc32

from uplink.statements import CHAIN_START, Ending, extend_chain
from uplink.wire import MAX_SEQUENCE

_WRITE_STATE = "INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?, ?, ?)"
_DOUBTFUL = 0  # the ending of an epoch whose last records may be lost


class Reach(NamedTuple):
    """How far an epoch goes on flash: what a checkpoint of it says."""

    kid: bytes
    last_sequence: int
    chain: bytes | None
    previous_kid: bytes | None


@dataclass(slots=True)
class Epoch:
    """What the outbox knows of one epoch.

    `chain` is over rows 1 to `last_sequence`, None where one of them was not there to see. `ending`
    is OPEN until the epoch was closed or found whole by a later start; None where rows behind the
    last may be lost, which nothing mends.
    """

    number: int
    kid: bytes
    key_record: bytes = field(repr=False)
    is_known: bool = False
    ending: Ending | None = Ending.OPEN
    last_sequence: int = 0
    chain: bytes | None = CHAIN_START
    rows: int = 0

    def id_of(self, sequence: int) -> int:
        """The id of the row with this sequence."""
        return self.number << 32 | sequence

    def row(self, sequence: int, sealed: bytes) -> tuple[int, int, bytes]:
        """A row of `record`."""
        return self.id_of(sequence), self._crc(sequence, sealed), sealed

    def holds(self, row: int, crc: object, sealed: object) -> bool:
        """Whether a row that was read is as it was written."""
        return isinstance(sealed, bytes) and crc == self._crc(row & MAX_SEQUENCE, sealed)

    def take(self, sequence: int, sealed: bytes) -> None:
        """Go on to a row, if it is a further one."""
        if sequence > self.last_sequence:
            follows = sequence == self.last_sequence + 1
            chain = self.chain if follows else None
            self.chain = chain and extend_chain(chain, [sealed])
            self.last_sequence = sequence

    def doubt(self) -> None:
        """Note that rows behind the last may be lost, unless the end was stated before."""
        if self.ending is Ending.OPEN:
            self.ending = None

    def key_row(self) -> tuple[int, bytes, bytes, int | None]:
        """A row of `key_record` and of `key_copy`."""
        return self.number, self.kid, self.key_record, key_crc(self.kid, self.key_record)

    def state_row(self) -> tuple[object, ...]:
        """A row of `epoch`."""
        known, ending = int(self.is_known), int(self.ending or _DOUBTFUL)
        state = (self.number, known, ending, self.last_sequence, self.chain)
        return *state, state_crc(self.kid, *state)

    def read_state(self, state: tuple[object, ...] | None) -> bool:
        """Take over a row of `epoch`; False where it is not as it was written."""
        if state is None or state[-1] != state_crc(self.kid, *state[:-1]):
            return False
        _, known, ending, last, chain, _ = state
        assert isinstance(ending, int)
        assert isinstance(last, int)
        self.is_known = bool(known)
        self.ending = None if ending == _DOUBTFUL else Ending(ending)
        self.last_sequence = last
        self.chain = chain if isinstance(chain, bytes) else None
        return True

    def _crc(self, sequence: int, sealed: bytes) -> int:
        return crc32(sealed, crc32(self.kid + sequence.to_bytes(4)))


class Epochs:
    """Epochs by number and by kid; `lost` of them have lost both copies of their key record.

    Those are kept, and counted when they are first found so.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.by_number: dict[int, Epoch] = {}
        self._db = db
        states = {row[0]: row for row in db.execute("SELECT * FROM epoch")}
        self._written = states.copy()
        keys = list(db.execute("SELECT * FROM key_record UNION ALL SELECT * FROM key_copy"))
        for number, kid, signed, crc in keys:
            if number not in self.by_number and crc is not None and crc == key_crc(kid, signed):
                epoch = self.by_number[number] = Epoch(number, kid, signed)
                if not epoch.read_state(states.get(number)):
                    epoch.doubt()
        self.by_kid = {epoch.kid: epoch for epoch in self.by_number.values()}
        # One that was found damaged before has no CRC any more: it is lost once.
        damaged = {number for number, *_, crc in keys if crc is not None}
        self._unsaved_lost = damaged - self.by_number.keys()
        self.lost = len(self._unsaved_lost)

    @property
    def newest(self) -> Epoch | None:
        """The epoch that was begun last."""
        return self.by_number[max(self.by_number)] if self.by_number else None

    def of(self, row: int) -> Epoch | None:
        """The epoch of a row, by its id."""
        return self.by_number.get(row >> 32)

    def reach(self, epoch: Epoch) -> Reach:
        """How far the epoch goes. Numbers follow each other: the one before is the epoch before."""
        before = self.by_number.get(epoch.number - 1)
        previous = before.kid if before else None
        return Reach(epoch.kid, epoch.last_sequence, epoch.chain, previous)

    def write(self, epoch: Epoch) -> None:
        """Write a new epoch, within a transaction; `add` it when that is committed."""
        self._db.execute("INSERT INTO key_record VALUES (?, ?, ?, ?)", epoch.key_row())
        self._db.execute("INSERT INTO key_copy VALUES (?, ?, ?, ?)", epoch.key_row())
        self._db.execute(_WRITE_STATE, epoch.state_row())

    def add(self, epoch: Epoch) -> None:
        """Know an epoch that was written."""
        self.by_number[epoch.number] = self.by_kid[epoch.kid] = epoch
        self._written[epoch.number] = epoch.state_row()

    def save(self) -> None:
        """Write how far each epoch goes, where that has changed."""
        self._db.executemany(_WRITE_STATE, self._unwritten())
        for number in self._unsaved_lost:
            self._db.execute("UPDATE key_record SET crc = NULL WHERE number = ?", (number,))
            self._db.execute("UPDATE key_copy SET crc = NULL WHERE number = ?", (number,))

    def saved(self) -> None:
        """What was written is committed."""
        self._unsaved_lost.clear()
        self._written = {epoch.number: epoch.state_row() for epoch in self.by_number.values()}

    def erase(self, epoch: Epoch) -> None:
        """Delete an epoch, within a transaction; `forget` it when that is committed."""
        for table in ("epoch", "key_record", "key_copy"):
            self._db.execute(f"DELETE FROM {table} WHERE number = ?", (epoch.number,))  # noqa: S608  our own names

    def forget(self, epoch: Epoch) -> None:
        """Know an epoch no more."""
        del self.by_number[epoch.number], self.by_kid[epoch.kid]
        self._written.pop(epoch.number, None)

    def _unwritten(self) -> list[tuple[object, ...]]:
        rows = (epoch.state_row() for epoch in self.by_number.values())
        return [row for row in rows if row != self._written.get(cast("int", row[0]))]


def key_crc(kid: object, signed: object) -> int | None:
    """The CRC of a key record's row; None where it is no such row."""
    if isinstance(kid, bytes) and isinstance(signed, bytes):
        return crc32(signed, crc32(kid))
    return None


def state_crc(*state: object) -> int:
    """The CRC of a row whose columns are these."""
    return crc32(repr(state).encode())
