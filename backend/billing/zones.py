"""Instants to civil dates and back, by the zones that a patient has lived in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ONE_DAY = timedelta(days=1)


class ZoneSince(NamedTuple):
    """A zone, and the civil date on whose midnight it comes into force."""

    since: date
    zone: tzinfo


class Zones(NamedTuple):
    """A zone history, oldest first; the first one holds for the time before as well."""

    rows: tuple[ZoneSince, ...]

    def on(self, day: date) -> tzinfo:
        """The zone in force on a civil date."""
        begun = [row.zone for row in self.rows if row.since <= day]
        return begun[-1] if begun else self.rows[0].zone

    def at(self, instant: datetime) -> tzinfo:
        """The zone in force at an instant."""
        if len(self.rows) == 1:
            return self.rows[0].zone
        begun = [row.zone for row in self.rows if midnight(row.since, row.zone) <= instant]
        return begun[-1] if begun else self.rows[0].zone

    def date_at(self, instant: datetime) -> date:
        """The civil date of an instant."""
        return instant.astimezone(self.at(instant)).date()


UTC_DAYS = Zones((ZoneSince(date.min, UTC),))


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which a civil date begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


@lru_cache
def find_zone(name: str) -> tzinfo | None:
    """The IANA zone of this name; none where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name is an OSError
        return None
