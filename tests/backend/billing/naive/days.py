"""Which readings count, on which dates, and the periods that they make."""

from __future__ import annotations

from datetime import UTC, date, timedelta

from .story import (
    DATA,
    ONE_DAY,
    PHYSIOLOGIC,
    THERAPEUTIC,
    as_date,
    as_instant,
    as_list,
    has_no_offset,
    is_clock_wrong,
    is_live,
    measured,
    sameness,
)

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
    order = sorted(range(len(events)), key=lambda n: as_instant(events[n].get("received_at")) or story.as_of)
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
    if _plain_reason(story, event):
        return date.min
    return _date_at_home(story, _belonging(story, event))


def _first_day(story, events):
    days = []
    for event in events:
        if _plain_reason(story, event) is None:
            dates = {_date_at_home(story, instant) for instant in _when(story, event)}
            if _timely_reason(story, event, dates) is None:
                days.append(_date_at_home(story, _counting(story, event)))
    return min(days, default=None)


def _reason(story, event, found):
    why = _plain_reason(story, event)
    if why:
        return why, None
    if _is_late(story, event, found):
        return "LATE_AFTER_LOCK", None
    places = [_place(story, found, instant) for instant in _when(story, event)]
    dates = {day for _, day in places}
    why = _timely_reason(story, event, dates, is_in_seam=any(p == "seam" for p, _ in places))
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
    return _when(story, event)[0]


def _plain_reason(story, event):
    """The reasons for which no date need be known."""
    device = story.device(event) or {}
    kind = event.get("device_kind") or device.get("kind")
    received = as_instant(event.get("received_at"))
    if event.get("message_type") not in DATA:
        return "NOT_A_MEASUREMENT"
    if event.get("valid") is False:
        return "INVALID_READING"
    if device.get("not_device_captured"):
        return "NOT_DEVICE_CAPTURED"
    if not device.get("fda_defined") or device.get("general_wellness"):
        return "DEVICE_NOT_QUALIFIED"
    if event.get("attributed") is False:
        return "UNATTRIBUTED"
    if story.program == "RPM" and event.get("mode") != "automatic":
        return "MANUAL_ENTRY_RPM"
    if story.program == "RPM" and kind not in PHYSIOLOGIC:
        return "DATA_TYPE_MISMATCH"
    if story.program == "RTM" and story.category not in THERAPEUTIC.get(kind, ()):
        return "DATA_TYPE_MISMATCH"
    if has_no_offset(event):
        return "NO_OFFSET"
    if received is None or received > story.as_of:
        return "NOT_RECEIVED_YET"
    return None


def _timely_reason(story, event, dates, *, is_in_seam=False):
    """The reasons that ask for the date."""
    received = as_instant(event["received_at"])
    if is_clock_wrong(event) and not is_live(event):
        return "CLOCK_FAULT"
    if not is_clock_wrong(event) and measured(event)[0] > received + timedelta(seconds=300):
        return "FUTURE_TIMESTAMP"
    if len(dates) > 1:
        return "STRADDLES_MIDNIGHT"
    if is_in_seam:
        return "BETWEEN_PERIODS"
    [day] = dates
    if not any(_is_within(day, *span) for span in _assigned(story.device(event))):
        return "NOT_ASSIGNED"
    if story.start and day < story.start:
        return "BEFORE_START"
    if story.revoked and day >= story.revoked:
        return "AFTER_REVOCATION"
    for stay in as_list(story.facts.get("stays")):
        admitted, discharged = as_date(stay.get("from")), as_date(stay.get("to"))
        if (admitted is None or admitted < day) and (discharged is None or day < discharged):
            return "INPATIENT"
    return None


def _assigned(device):
    spans = device.get("assignments") or [
        {"from": device.get("assigned_from"), "to": device.get("assigned_to")}
    ]
    return [(as_date(span.get("from")), as_date(span.get("to"))) for span in spans]


def _is_within(day, first, last):
    return (first is None or first <= day) and (last is None or day <= last)


def _when(story, event):
    """The first and last instant at which it was measured; by a faulty clock: received."""
    if is_clock_wrong(event):
        return as_instant(event["received_at"]), as_instant(event["received_at"])
    return measured(event)


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
