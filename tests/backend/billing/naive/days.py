"""Which readings count, on which dates, and the periods that they make."""

from __future__ import annotations

from datetime import UTC, date

from .readings import plain_reason, timely_reason, when
from .story import ONE_DAY, as_instant, as_list, is_clock_wrong, is_live, measured, sameness

MANY_PERIODS = 60


class Count:
    """What `count` found: day 1, the counted dates and the reasons of what was left out."""

    def __init__(self):
        self.day_one = None
        self.is_fixed = False  # a claim was locked when something counted already
        self.dates = set()
        self.reasons = []  # one of each event, in the order of events; none: it counts

    def period(self, number):
        """The 30 dates of a period, none where nothing anchors it."""
        if self.day_one is None:
            return None
        first = self.day_one + (number - 1) * 30 * ONE_DAY
        return [first + n * ONE_DAY for n in range(30)]


def count(story):
    """Judge every event; the duplicates last."""
    events = as_list(story.case.get("events"))
    found = Count()
    found.day_one, found.is_fixed = _day_one(story, events)
    judged = [_reason(story, event, found) for event in events]
    found.reasons = [why for why, _ in judged]
    seen = set()
    order = sorted(
        range(len(events)), key=lambda n: as_instant(events[n].get("received_at")) or story.as_of
    )
    for n in order:
        why, day = judged[n]
        if why is None:
            if sameness(events[n]) in seen:
                found.reasons[n] = "DUPLICATE"
            else:
                seen.add(sameness(events[n]))
                found.dates.add(day)
    return found


def _day_one(story, events):
    """The first date that counts, and whether the first claim that was locked has fixed it."""
    if story.policy["anchor"] == "setup" and (story.set_up or story.start):
        return story.set_up or story.start, True
    locked = min((at for _, at in story.locks), default=None)
    at_lock = _first_day(story, [e for e in events if locked and not _is_after(e, locked)])
    if at_lock or locked is None:
        return at_lock or _first_day(story, events), at_lock is not None
    # Nothing counted when the claim was locked: only what is dated up to then is late.
    late = [at for _, at in story.locks]
    timely = [
        e
        for e in events
        if all(not _is_after(e, at) or _own_day(story, e) > _date_at_home(story, at) for at in late)
    ]
    return _first_day(story, timely), False


def _is_after(event, locked):
    received = as_instant(event.get("received_at"))
    return received is None or received > locked


def _own_day(story, event):
    """The date of an event that has one."""
    if plain_reason(story, event) or (event.get("timestamp") is None and not is_live(event)):
        return date.min
    return _date_at_home(story, _belonging(story, event))


def _first_day(story, events):
    days = []
    for event in events:
        if plain_reason(story, event) is None:
            dates = {_date_at_home(story, instant) for instant in when(story, event)}
            if timely_reason(story, event, dates) is None:
                days.append(_date_at_home(story, _counting(story, event)))
    return min(days, default=None)


def _reason(story, event, found):
    why = plain_reason(story, event)
    if why:
        return why, None
    if _is_late(story, event, found):
        return "LATE_AFTER_LOCK", None
    places = [_place(story, found, instant) for instant in when(story, event)]
    dates = {"seam" if place == "seam" else day for place, day in places}
    why = timely_reason(story, event, dates)
    if why:
        return why, None
    place, day = _place(story, found, _counting(story, event))
    return ("BETWEEN_PERIODS", None) if place == "seam" else (None, day)


def _is_late(story, event, found):
    """It came after the lock of its period, or would have begun the periods earlier."""
    received = as_instant(event["received_at"])
    if event.get("timestamp") is None and not is_live(event):
        return False
    place, day = _place(story, found, _belonging(story, event))
    for number, at in story.locks:
        if received > at and found.is_fixed and (place == number or day < found.day_one):
            return True
        if received > at and not found.is_fixed and day <= _date_at_home(story, at):
            return True
    return False


def _belonging(story, event):
    """The instant that says to which period it belongs; of a faulty clock, its own time."""
    if story.policy["count_by"] == "received" or (is_clock_wrong(event) and is_live(event)):
        return as_instant(event["received_at"])
    return measured(event)[0]


def _counting(story, event):
    """The instant whose date counts."""
    if story.policy["count_by"] == "received":
        return as_instant(event["received_at"])
    return when(story, event)[0]


def _date_at_home(story, instant):
    """The date without regard to periods."""
    if story.policy["day"] == "utc":
        return instant.astimezone(UTC).date()
    if story.policy["day"] == "event_offset":
        return instant.date()
    return instant.astimezone(story.zone_at(instant)).date()


def _place(story, found, instant):
    """The number of the period in which it lies, "seam" or none, and its date there."""
    if found.day_one is None:
        return None, _date_at_home(story, instant)
    for number in range(1, MANY_PERIODS):
        days = found.period(number)
        day = instant.astimezone(period_zone(story, days)).date()
        if story.policy["day"] != "home":
            day = _date_at_home(story, instant)
        if days[0] <= day <= days[-1]:
            return number, day
        if number == 1 and day < days[0]:
            return None, _date_at_home(story, instant)
        if day < days[0]:
            return "seam", _date_at_home(story, instant)
    return None, _date_at_home(story, instant)


def period_zone(story, days):
    """The zone that a period keeps: the patient's on its first date."""
    return story.zone_on(days[0])
