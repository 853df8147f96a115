"""Rows that are stepped over: damaged on the card, or refused by the backend. Kept, never sent."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator

DAMAGED = "damaged"


class Quarantine:
    """Ids of rows, each with its reason. Within transactions of the caller."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        found = db.execute("SELECT id, reason FROM quarantine JOIN record USING (id)")
        self._reasons: dict[int, str] = {row: _text(reason) for row, reason in found}
        self._unsaved: set[int] = set()

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, row: int) -> bool:
        return row in self._reasons

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._reasons))

    def is_damaged(self, row: int) -> bool:
        """Whether the row is here because it is damaged."""
        return self._reasons.get(row) == DAMAGED

    def within(self, first: int, last: int) -> list[int]:
        """Ids from `first` to `last`."""
        return sorted(row for row in self._reasons if first <= row <= last)

    def count_reasons(self) -> dict[str, int]:
        """Rows by reason."""
        return dict(Counter(self._reasons.values()))

    def set_apart(self, rows: Iterable[int], reason: str) -> None:
        """Step over these rows from now on."""
        for row in rows:
            self._reasons[row] = reason
            self._unsaved.add(row)

    def let_go(self, row: int) -> None:
        """Step over the row no longer."""
        del self._reasons[row]
        self._unsaved.add(row)

    def save(self) -> None:
        """Write what has changed."""
        for row in sorted(self._unsaved):
            self._db.execute("DELETE FROM quarantine WHERE id = ?", (row,))
            if reason := self._reasons.get(row):
                self._db.execute("INSERT INTO quarantine VALUES (?, ?)", (row, reason))

    def saved(self) -> None:
        """What was written is committed."""
        self._unsaved.clear()


def _text(reason: object) -> str:
    return reason.decode(errors="replace") if isinstance(reason, bytes) else DAMAGED
