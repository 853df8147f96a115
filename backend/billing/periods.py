"""The 30-day periods of an episode, one after the other (R-PER-1 to R-PER-3).

Each keeps the zone in force on its first date to its end, so a patient who moves west between two
of them leaves a seam of hours that belong to neither; moving east, they belong to the earlier one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from backend.billing.zones import ONE_DAY, Zones, midnight

LENGTH = 30


class Period(NamedTuple):
    """Thirty civil dates, first and last included."""

    number: int
    first: date
    last: date
    zone: tzinfo

    @property
    def begins(self) -> datetime:
        """The midnight of its first date."""
        return midnight(self.first, self.zone)

    @property
    def ends(self) -> datetime:
        """The midnight after its last date."""
        return midnight(self.last + ONE_DAY, self.zone)


class Periods(NamedTuple):
    """All the periods from an anchor on, which is the first date of the first one."""

    anchor: date
    zones: Zones

    def number(self, number: int) -> Period:
        """The period of this number; the first one is 1."""
        first = self.anchor + timedelta(days=LENGTH * (number - 1))
        last = first + timedelta(days=LENGTH - 1)
        return Period(number, first, last, self.zones.on(first))

    def number_of(self, day: date) -> int:
        """The number of the period that holds a date; below 1 before the anchor."""
        return (day - self.anchor).days // LENGTH + 1

    def holding(self, instant: datetime) -> tuple[Period, date] | None:
        """The period of an instant and its date there; none in a seam or before the anchor."""
        about = self.number_of(self.zones.date_at(instant))
        for number in range(max(1, about - 1), about + 2):
            period = self.number(number)
            day = instant.astimezone(period.zone).date()
            if period.first <= day <= period.last:
                return period, day
        return None
