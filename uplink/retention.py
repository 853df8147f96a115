"""Rows that a receipt has named stay for a while: a backend restored from a copy may ask for them.

They stay until a later receipt was made `keep_days` after theirs, to the hour, by the backend's own
time: the hub's clock may jump. What is not written yet, of a group or less, waits again after a
crash and is sent once more.
"""

from __future__ import annotations

import sqlite3

from uplink.epochs import state_crc
from uplink.spans import Spans

HOUR_MS = 60 * 60 * 1000
DAY_HOURS = 24


class Retention:
    """Ids of released rows, by the hour of the receipt. Within transactions of the caller."""

    def __init__(self, db: sqlite3.Connection, keep_days: int) -> None:
        self.rows = Spans()
        self.unsaved_rows = 0
        self._db = db
        self._keep_hours = keep_days * DAY_HOURS
        self._newest_hour = 0
        self._hours: dict[int, Spans] = {}
        self._changed: set[int] = set()
        self._damaged = []
        for first, last, hour, crc in db.execute("SELECT * FROM released"):
            if crc == state_crc(first, last, hour):
                self._put(first, last, hour)
            else:
                self._damaged.append(first)

    def keep(self, first: int, last: int, utc_ms: int) -> None:
        """A receipt of that time has named these rows."""
        hour = utc_ms // HOUR_MS
        self._put(first, last, hour)
        self._changed.add(hour)
        self.unsaved_rows += last - first + 1

    def note_time(self, utc_ms: int) -> None:
        """A receipt of that time has come."""
        self._newest_hour = max(self._newest_hour, utc_ms // HOUR_MS)

    def discard(self, first: int, last: int) -> None:
        """These rows wait again, or have left the file."""
        self.rows.discard(first, last)
        for hour, spans in self._hours.items():
            before = spans.count
            spans.discard(first, last)
            if spans.count != before:
                self._changed.add(hour)

    def expired(self) -> list[tuple[int, int]]:
        """Rows that have stayed long enough."""
        return [
            span
            for hour in sorted(self._hours)
            if not self._keep_hours or self._newest_hour - hour > self._keep_hours
            for span in self._hours[hour]
        ]

    def save(self) -> None:
        """Write what has changed."""
        for first in self._damaged:
            self._db.execute("DELETE FROM released WHERE first = ?", (first,))
        # All deletes before all inserts: a row may have gone from one hour to another.
        changed = [(hour,) for hour in self._changed]
        self._db.executemany("DELETE FROM released WHERE hour = ?", changed)
        for hour in self._changed:
            rows = [(*span, hour, state_crc(*span, hour)) for span in self._hours[hour]]
            self._db.executemany("INSERT OR REPLACE INTO released VALUES (?, ?, ?, ?)", rows)

    def saved(self) -> None:
        """What was written is committed."""
        self._damaged = []
        self._changed.clear()
        self.unsaved_rows = 0
        self._hours = {hour: spans for hour, spans in self._hours.items() if spans.count}

    def limit_to(self, there: Spans) -> None:
        """Of what was read, only these rows are there."""
        for first, last in list(self.rows):
            gone = Spans([(first, last)])
            for span in there.within(first, last):
                gone.discard(*span)
            for span in gone:
                self.discard(*span)

    def _put(self, first: int, last: int, hour: int) -> None:
        self.rows.add(first, last)
        self._hours.setdefault(hour, Spans()).add(first, last)
        self._newest_hour = max(self._newest_hour, hour)
