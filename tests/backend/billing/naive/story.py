"""A case, read into what the naive model asks of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
SWITCHES = {
    "day": "home",
    "anchor": "first_reading",
    "count_by": "measured",
    "setup_min_2026": "by_programme",
    "span": "hold",
    # What may not be billed by, and is only judged to say what it would change.
    "billed_when": "closed",
    "before_consent": "excluded",
    "management_by": "one",
    "beside_99091": "none",
    "adherence": "no_supply_code",
    "staff_time": "clock",
    "live_contact": "voice",
    "alert_days": "excluded",
    "hospital_days": "excluded",
    "overlap": "elected",
    "self_report": "software",
    "payer": "hold",
    "no_data": "hold",
    "month_zone": "practice",
    "device": "defined",
    "missed_doses": "excluded",
}
PHYSIOLOGIC = {
    "blood_pressure",
    "weight",
    "pulse_oximeter",
    "glucose_meter",
    "thermometer",
    "ecg",
}
THERAPEUTIC = {
    "inhaler_sensor": ("resp", "other"),
    "motion_sensor": ("msk", "other"),
    "exercise_app": ("msk", "other"),
    "pain_app": ("msk", "other"),
    "cbt_app": ("cbt", "other"),
    "pill_dispenser": ("resp", "msk", "cbt", "other"),
}
DATA = (None, "measurement", "reading", "opened", "dispensed")
DOSES = ("missed", "refilled", "rotated")


def as_date(text):
    return date.fromisoformat(text) if text else None


def as_instant(text):
    return datetime.fromisoformat(text) if text else None


def as_list(found):
    if not found:
        return []
    return found if isinstance(found, list) else [found]


class Story:
    """The case with its dates read; every other fact is asked of it by the key it has there."""

    def __init__(self, case, policy=None):
        self.case = case
        self.facts = case["facts"]
        self.policy = {**SWITCHES, **{k: str(v) for k, v in (policy or {}).items()}}
        self.program = case["program"]
        self.category = case.get("rtm_category")
        self.as_of = as_instant(case["as_of"])
        self.asked_period = case["evaluate"].get("period") or 1
        self.asked_month = case["evaluate"].get("month")
        self.moves = sorted(
            (as_date(move["from"]), ZoneInfo(move["timezone"]))
            for move in as_list(case.get("timezone_history"))
        )
        self.first_zone = ZoneInfo(case["timezone"])
        consent = self.facts.get("consent") or {}
        self.consented = as_date(consent.get("date"))
        self.revoked = as_date(consent.get("revoked"))
        setup = self.facts.get("setup") or {}
        self.set_up = as_date(setup.get("date"))
        self.educated = bool(setup.get("education_done"))
        self.ordered = as_date(self.facts.get("order_date"))
        self.episode = as_date(self.facts.get("episode_start"))
        known = [self.set_up, self.episode]
        if self.policy["before_consent"] == "excluded":
            known += [self.ordered, self.consented]
        self.start = max((day for day in known if day), default=None)
        self.locks = [
            (1, as_instant(lock))
            if isinstance(lock, str)
            else (lock["period"], as_instant(lock["at"]))
            for lock in as_list(self.facts.get("claim_locked_at"))
        ]

    def zone_on(self, day):
        """The patient's zone on a date: the last move that had come by then."""
        zone = self.first_zone
        for since, moved_to in self.moves:
            if since <= day:
                zone = moved_to
        return zone

    def zone_at(self, instant):
        """The patient's zone at an instant: the last move whose own date had come there."""
        zone = self.first_zone
        for since, moved_to in self.moves:
            if since <= instant.astimezone(moved_to).date():
                zone = moved_to
        return zone

    def practice_zone(self):
        """The practice's zone; none where the patient's is to be taken."""
        name = self.facts.get("practice_timezone")
        return ZoneInfo(name) if name and self.policy["month_zone"] == "practice" else None

    def device(self, event):
        return self.case["devices"].get(event["device_id"])


def measured(event):
    """The first and last instant at which it can have been measured, by its own clock."""
    stamp = as_instant(event["timestamp"])
    if event.get("clock") == "offset_known":
        stamp = (stamp.astimezone(UTC) - timedelta(seconds=event["clock_offset_s"])).astimezone(
            stamp.tzinfo
        )
    later = stamp.astimezone(UTC) + timedelta(seconds=event.get("uncertain_s", 0))
    return stamp, later.astimezone(stamp.tzinfo)


def has_no_offset(event):
    stamp = as_instant(event.get("timestamp"))
    return stamp is not None and stamp.tzinfo is None


def is_clock_wrong(event):
    return event.get("timestamp") is None or event.get("clock") not in (None, "ok", "offset_known")


def is_live(event):
    return event.get("delivery") in (None, "live")


def sameness(event):
    """What is equal for two sightings of one reading: of one that tells no time, the receipt."""
    time = event.get("timestamp") or event.get("received_at")
    return event["device_id"], time, event.get("device_kind"), event.get("value")
