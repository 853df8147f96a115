"""Rows that a receipt has named stay for a while: a backend restored from a copy may ask for them.

They stay until a later receipt comes that was made `keep_days` after theirs, to the hour, by the
backend's own time, and until the hub has run for as long itself: either's clock may jump, and time
in which the hub is off counts for nothing. What is not written yet, of a group or less, waits again
after a crash and is sent once more; of how long the hub has run a crash loses what came since the
last group.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from uplink.epochs import state_crc
from uplink.spans import Spans

HOUR_MS = 60 * 60 * 1000
HOUR_S = 60 * 60
DAY_HOURS = 24
SAVE_S = 60  # what is written anyway takes the time along, if it has moved by this much

_NOW = -1  # in the place of an hour: how long the hub has run in all


class Retention:
    """Ids of released rows, by the hour of the receipt. Within transactions of the caller."""

    def __init__(self, db: sqlite3.Connection, keep_days: int, now: Callable[[], float]) -> None:
        self.rows = Spans()
        self.unsaved_rows = 0
        self._db = db
        self._now = now
        self._began_s = now()
        self._keep_hours = keep_days * DAY_HOURS
        self._last_hour = 0
        self._hours: dict[int, Spans] = {}
        self._changed: set[int] = set()
        self._damaged = []
        self._named_s = self._read_ran()
        self._ran_before_s = self._saved_s = max(self._named_s.values(), default=0)
        for first, last, hour, crc in db.execute("SELECT * FROM released"):
            if crc == state_crc(first, last, hour):
                self._put(first, last, hour)
                self._named_s.setdefault(hour, self._ran_before_s)
            else:
                self._damaged.append(first)

    def keep(self, first: int, last: int, utc_ms: int) -> None:
        """A receipt of that time has named these rows."""
        hour = utc_ms // HOUR_MS
        self._put(first, last, hour)
        self._named_s[hour] = self._ran_s()
        self._changed.add(hour)
        self.unsaved_rows += last - first + 1

    def note_time(self, utc_ms: int) -> None:
        """A receipt of that time has come."""
        self._last_hour = utc_ms // HOUR_MS

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
        ran_s = self._ran_s()
        return [
            span
            for hour in sorted(self._hours)
            if self._is_over(self._last_hour - hour, ran_s - self._named_s[hour])
            for span in self._hours[hour]
        ]

    def save(self) -> None:
        """Write what has changed."""
        for first in self._damaged:
            self._db.execute("DELETE FROM released WHERE first = ?", (first,))
        # All deletes before all inserts: a row may have gone from one hour to another.
        changed = [(hour,) for hour in self._changed]
        self._db.executemany("DELETE FROM released WHERE hour = ?", changed)
        self._db.executemany("DELETE FROM ran WHERE hour = ?", changed)
        for hour in self._changed:
            rows = [(*span, hour, state_crc(*span, hour)) for span in self._hours[hour]]
            self._db.executemany("INSERT OR REPLACE INTO released VALUES (?, ?, ?, ?)", rows)
            if rows:
                self._write_ran(hour, self._named_s[hour])
        if self._is_time_due():
            self._write_ran(_NOW, self._ran_s())

    def saved(self) -> None:
        """What was written is committed."""
        if self._is_time_due():
            self._saved_s = self._ran_s()
        self._damaged = []
        self._changed.clear()
        self.unsaved_rows = 0
        self._hours = {hour: spans for hour, spans in self._hours.items() if spans.count}
        self._named_s = {hour: self._named_s[hour] for hour in self._hours}

    def limit_to(self, there: Spans) -> None:
        """Of what was read, only these rows are there."""
        for first, last in list(self.rows):
            gone = Spans([(first, last)])
            for span in there.within(first, last):
                gone.discard(*span)
            for span in gone:
                self.discard(*span)

    def _is_over(self, receipt_hours: int, ran_s: int) -> bool:
        if not self._keep_hours:
            return True
        return receipt_hours > self._keep_hours and ran_s > self._keep_hours * HOUR_S

    def _put(self, first: int, last: int, hour: int) -> None:
        self.rows.add(first, last)
        self._hours.setdefault(hour, Spans()).add(first, last)

    def _read_ran(self) -> dict[int, int]:
        rows = self._db.execute("SELECT * FROM ran")
        return {hour: ran_s for hour, ran_s, crc in rows if crc == state_crc(hour, ran_s)}

    def _write_ran(self, hour: int, ran_s: int) -> None:
        row = (hour, ran_s, state_crc(hour, ran_s))
        self._db.execute("INSERT OR REPLACE INTO ran VALUES (?, ?, ?)", row)

    def _ran_s(self) -> int:
        """How long the hub has run, over all of its lives."""
        return self._ran_before_s + int(self._now() - self._began_s)

    def _is_time_due(self) -> bool:
        return self._ran_s() - self._saved_s >= SAVE_S
