"""What was refused or looked wrong, counted by what and whose: never more rows than hubs."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from backend.tables import incident


class Incidents:
    """Counts the incidents of one message in its transaction; `seen` are those counted so far."""

    def __init__(self, connection: Connection, now_ms: int, hub: str = "") -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._hub = hub
        self.seen: list[tuple[str, str]] = []

    def count(self, what: str, detail: str, times: int = 1) -> None:
        """One more of `what`; the detail says where, and never shows a value."""
        self.seen.append((what, detail))
        changes = {"last_ms": self._now_ms, "detail": detail}
        known = self._connection.execute(
            update(incident)
            .where(incident.c.what == what, incident.c.hub == self._hub)
            .values(count=incident.c.count + times, **changes)
        )
        if not known.rowcount:
            row = {"what": what, "hub": self._hub, "count": times, "first_ms": self._now_ms}
            self._connection.execute(insert(incident).values(row | changes))
