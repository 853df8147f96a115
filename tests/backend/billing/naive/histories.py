"""Histories by chance: a patient somewhere, some months of readings, and what went wrong."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from . import troubles

# A zone, and a date near which something happens to its clocks.
PLACES = (
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/New_York", "2024-02-29"),
    ("America/Phoenix", "2026-07-01"),
    ("Pacific/Honolulu", "2025-12-31"),
    ("Pacific/Kiritimati", "2026-01-01"),
    ("Pacific/Apia", "2011-12-30"),  # a date that never was
    ("Africa/Casablanca", "2026-02-15"),  # clocks change for Ramadan
    ("Europe/Istanbul", "2016-09-07"),  # summer time for ever
    ("America/Havana", "2026-03-08"),  # at midnight
    ("Asia/Beirut", "2026-03-29"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Asia/Pyongyang", "2018-05-04"),
    ("America/Caracas", "2016-05-01"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Asia/Kathmandu", "2026-05-01"),
    ("Antarctica/Troll", "2026-03-29"),  # two hours
    ("Europe/London", "2025-12-20"),
    ("America/Los_Angeles", "2026-12-10"),
)
RPM_KINDS = ("blood_pressure", "weight", "glucose_meter")
RTM_KINDS = {
    "resp": ("inhaler_sensor", "pill_dispenser"),
    "msk": ("motion_sensor", "pain_app", "pill_dispenser"),
    "cbt": ("cbt_app", "pill_dispenser"),
    "other": ("pill_dispenser", "motion_sensor"),
}
POLICIES = {
    "day": ("utc", "event_offset"),
    "anchor": ("setup",),
    "count_by": ("received",),
    "setup_min_2026": ("2", "16"),
    "span": ("dos",),
    "billed_when": ("reached",),
    "before_consent": ("counted",),
    "management_by": ("several",),
    "beside_99091": ("99457",),
    "adherence": ("resp", "msk", "cbt"),
    "staff_time": ("sum",),
    "live_contact": ("any",),
    "alert_days": ("counted",),
    "hospital_days": ("counted",),
    "overlap": ("separate",),
    "self_report": ("sensor",),
    "payer": ("bill",),
    "no_data": ("bill",),
    "month_zone": ("patient",),
    "device": ("cleared",),
    "missed_doses": ("counted",),
}


class History:
    """A case, its policy, and the families of trouble that are in it."""

    def __init__(self, seed):
        chance = self.chance = random.Random(seed)
        place, about = chance.choice(PLACES)
        self.zone = ZoneInfo(place)
        self.first = date.fromisoformat(about) + timedelta(days=chance.randint(-34, 3))
        if chance.random() < 0.2:
            self.first = date(chance.choice((2025, 2026)), 12, chance.randint(1, 30))
        if chance.random() < 0.05:  # thirty days that touch three months
            self.first = date(chance.choice((2025, 2026)), 1, 31)
        self.families = []
        self.policy = {}
        self.case = self._plain(place)
        chosen = chance.sample(troubles.ALL, chance.choice((1, 1, 2, 2, 3, 4)))
        for trouble in sorted(chosen, key=troubles.ALL.index):
            trouble(self)
            self.families.append(trouble.__name__)
        if chance.random() < 0.5:
            name = chance.choice(list(POLICIES))
            self.policy[name] = chance.choice(POLICIES[name])
            self.families.append(f"policy {name}")
        chance.shuffle(self.case["events"])
        chance.shuffle(self.case["management"])
        self.case["id"] = f"seed-{seed}"

    def _plain(self, place):
        chance = self.chance
        program = chance.choice(("RPM", "RPM", "RTM"))
        category = chance.choice(tuple(RTM_KINDS)) if program == "RTM" else None
        self.kinds = RPM_KINDS if program == "RPM" else RTM_KINDS[category]
        devices = {f"d{n}": {"kind": k, "fda_defined": True} for n, k in enumerate(self.kinds)}
        last = self.first + timedelta(days=chance.choice((29, 29, 44, 75)))
        dates = [self.first + timedelta(days=n) for n in range((last - self.first).days + 1)]
        few = chance.choice((1, 2, 10, 14, 15, 16, 17, 25, len(dates)))
        dates = chance.sample(dates, min(few, len(dates)))
        events = [self.reading(day) for day in dates]
        began = (self.first - timedelta(days=chance.choice((0, 0, 0, 5)))).isoformat()
        period = chance.choice((1, 1, 1, 2, 3))
        closes = self.first + timedelta(days=30 * period)
        as_of = self.at(closes, chance.choice((time(0), time(0), time(12)))) + timedelta(
            days=chance.choice((0, 0, 1, 5, 40)), seconds=chance.choice((0, 0, -1, 1))
        )
        if chance.random() < 0.1:
            as_of -= timedelta(days=chance.randint(1, 30))
        month = chance.choice((closes - timedelta(days=30), closes))
        case = {
            "id": "",
            "timezone": place,
            "program": program,
            "devices": devices,
            "facts": {
                "payer": "medicare_part_b",
                "condition": "I10",
                "order_date": began,
                "consent": {"date": began},
                "setup": {"date": began, "education_done": True},
                "established_patient": True,
                "treatment_plan": True,
                "biller": {"npi": "1000000001", "type": "MD"},
            },
            "events": events,
            "management": [],
            "evaluate": {"period": period},
            "as_of": as_of.isoformat(),
        }
        if category:
            case["rtm_category"] = category
        if chance.random() < 0.6:
            case["evaluate"]["month"] = f"{month:%Y-%m}"
        return case

    def at(self, day, clock):
        """An instant with its offset; of a wall time that never is, the one that it becomes."""
        there = datetime.combine(day, clock, self.zone).astimezone(UTC).astimezone(self.zone)
        return datetime.fromisoformat(there.isoformat())

    def reading(self, day, clock=None):
        """An automatic reading, live, a minute after it was measured."""
        chance = self.chance
        device = chance.randrange(len(self.kinds))
        clock = clock or chance.choice(
            (time(8), time(0), time(23, 59, 59), time(0, 30), time(23, 30), time(2, 30), time(12))
        )
        measured = self.at(day, clock)
        return {
            "device_id": f"d{device}",
            "device_kind": self.kinds[device],
            "mode": "automatic",
            "timestamp": measured.isoformat(),
            "received_at": (measured + timedelta(minutes=1)).isoformat(),
        }

    def some_day(self, least=-5, most=65):
        """A date about the first months."""
        return self.first + timedelta(days=self.chance.randint(least, most))

    def some_span(self):
        """From a date to a later one; either may be missing."""
        begins = self.some_day(-40, 60)
        ends = begins + timedelta(days=self.chance.choice((0, 1, 2, 5, 30)))
        span = {"from": begins.isoformat(), "to": ends.isoformat()}
        if self.chance.random() < 0.1:
            del span[self.chance.choice(("from", "to"))]
        return span

    def some_events(self, share=0.3):
        """Some of the readings; at least one, where there is one."""
        events = self.case["events"]
        return [e for e in events if self.chance.random() < share] or events[:1]
