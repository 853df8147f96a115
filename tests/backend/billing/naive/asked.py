"""The period and the month that are asked for."""

from __future__ import annotations

import calendar
from datetime import UTC, date

from . import minutes
from .days import period_zone
from .story import as_date


class Asked:
    """The period and the month that are asked for, and what was counted."""

    def __init__(self, story, found):
        self.story = story
        self.found = found
        self.policy = story.policy
        self.days = found.period(story.asked_period)
        self.counted = found.dates & set(self.days or ())
        self.month = None
        if story.asked_month:
            self.month = tuple(int(part) for part in story.asked_month.split("-"))
            self.month_last = date(*self.month, calendar.monthrange(*self.month)[1])
            self.month_first = date(*self.month, 1)
        dates = list(self.days or ())
        if self.month:
            dates += [self.month_first, self.month_last]
        self.hull = (min(dates), max(dates)) if dates else None
        self.today = story.as_of.astimezone(story.zone_at(story.as_of)).date()

    def is_overlapped(self, fact):
        """Whether a fact with from and to meets the hull of period and month."""
        return self.hull is not None and is_meeting(fact, *self.hull)

    def zone_of_month(self, month):
        """The practice's zone, or else the patient's when the month began."""
        return self.story.practice_zone() or self.story.zone_on(date(*month, 1))

    def minutes_of(self, month):
        return minutes.of_month(self.story, month, self.zone_of_month(month))

    def is_period_open(self):
        if self.policy["billed_when"] == "reached":
            return False
        zone = UTC if self.policy["day"] == "utc" else period_zone(self.story, self.days)
        return self.story.as_of.astimezone(zone).date() <= self.days[-1]

    def root(self, fewest):
        """Too few days; or why nothing counts at all, where there is one reason for it."""
        reasons = set(self.found.reasons)
        if len(reasons) == 1 and None not in reasons:
            return reasons.pop()
        return f"DAYS_BELOW_{fewest}"


def is_meeting(fact, first, last):
    start, end = as_date(fact.get("from")), as_date(fact.get("to"))
    return (start is None or start <= last) and (end is None or first <= end)
