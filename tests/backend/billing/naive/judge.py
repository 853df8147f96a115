"""The answer to a case, in the shape of the file of cases."""

from __future__ import annotations

from collections import Counter

from .asked import Asked
from .codes import every_code
from .days import count
from .story import Story


def judge(case, policy=None):
    """What `assess` ought to print of this case under this policy."""
    story = Story(case, policy)
    found = count(story)
    asked = Asked(story, found)
    codes = list(every_code(story, found))
    return {
        "id": case["id"],
        "qualifying_days": len(asked.counted),
        "period_start": asked.days[0].isoformat() if asked.days else None,
        "period_end": asked.days[-1].isoformat() if asked.days else None,
        "management_minutes": asked.minutes_of(asked.month).whole if asked.month else None,
        "billable_codes": [
            {"code": code, "units": units, "dos": dos.isoformat()}
            for code, reason, units, dos in codes
            if reason is None
        ],
        "blocked_codes": [
            {"code": code, "reason": reason} for code, reason, _, _ in codes if reason
        ],
        "excluded_events": dict(Counter(why for why in found.reasons if why)),
    }
