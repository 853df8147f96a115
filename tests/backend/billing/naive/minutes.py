"""The minutes of a month, second by second."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from .story import as_instant, as_list

LIVE = ("phone", "video", "audio")
PARTIES = ("patient", "caregiver", "parent", "guardian")
PROFESSIONALS = ("QHP", "MD", "DO", "NP", "PA")


class Minutes:
    """Whole minutes of management and whether anybody was talked to."""

    def __init__(self, whole, is_live):
        self.whole = whole
        self.is_live = is_live


def seconds(entry):
    """Every second of an entry, by its beginning."""
    start, end = (
        int(as_instant(entry["start"]).timestamp()),
        int(as_instant(entry["end"]).timestamp()),
    )
    return set(range(start, end))


def entries(story):
    return as_list(story.case.get("management"))


def is_management(entry):
    return entry.get("purpose", "management") == "management" and not entry.get("service")


def is_professional(entry):
    return entry.get("purpose") == "99091" and not entry.get("service")


def of_month(story, month, zone):
    """The minutes of a month (year, number) of the calendar of that zone."""
    spent, is_live = {}, False
    for entry in entries(story):
        if not is_management(entry):
            continue
        left = _left(story, entry, is_management)
        left = {s for s in left if (_date(s, zone).year, _date(s, zone).month) == month}
        spent[entry["staff"]] = spent.get(entry["staff"], set()) | left
        is_spoken = entry.get("modality") in LIVE or story.policy["live_contact"] == "any"
        if left and entry.get("interactive") and is_spoken:
            is_live = is_live or entry.get("party") in PARTIES
    if story.policy["staff_time"] == "sum":
        return Minutes(sum(len(own) for own in spent.values()) // 60, is_live)
    return Minutes(len(set().union(*spent.values())) // 60, is_live)


def of_professionals(story, days, zone):
    """The whole minutes in person of the 30 dates; none where only others spent any."""
    spent, others = set(), set()
    for entry in entries(story):
        if is_professional(entry):
            left = _left(story, entry, lambda other: is_professional(other) or is_management(other))
            left = {s for s in left if _date(s, zone) in days}
            if entry.get("performer") in PROFESSIONALS:
                spent |= left
            else:
                others |= left
    return len(spent) // 60 if spent or not others else None


def _left(story, entry, is_same):
    """The seconds of an entry that nothing else has taken and that consent covers."""
    left = seconds(entry)
    for other in entries(story):
        is_hers = other.get("staff") == entry.get("staff")
        if other.get("purpose") == "visit" or (is_hers and not is_same(other)):
            left -= seconds(other)
    for visit in as_list(story.case.get("visits")):
        left -= seconds(visit)
    return {s for s in left if s < story.as_of.timestamp() and _is_consented(story, s)}


def _is_consented(story, second):
    day = _date(second, story.zone_at(datetime.fromtimestamp(second // 60 * 60, UTC)))
    is_before = story.consented and day < story.consented
    if is_before and story.policy["before_consent"] == "excluded":
        return False
    return not (story.revoked and day >= story.revoked)


@cache
def _date_of_minute(minute, zone):
    """Midnights fall on whole minutes in every zone."""
    return datetime.fromtimestamp(minute * 60, UTC).astimezone(zone).date()


def _date(second, zone):
    return _date_of_minute(second // 60, zone)
