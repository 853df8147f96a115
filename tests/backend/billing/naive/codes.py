"""Every candidate code: billable with a date of service, or blocked for the first reason."""

from __future__ import annotations

import calendar
from datetime import UTC, date

from . import minutes
from .days import period_zone
from .story import ONE_DAY, as_date, as_instant, as_list

SHORT = {"resp": "98984", "msk": "98985", "cbt": "98986"}
LONG = {"resp": "98976", "msk": "98977", "cbt": "98978"}
TIME = {"RPM": ("99470", "99457", "99458"), "RTM": ("98979", "98980", "98981")}
VISITING = ("MD", "DO", "NP", "PA")
THERAPISTS = ("PT", "OT", "SLP")
MONITORING = {
    *("99453", "99454", "99445", "99457", "99458", "99470", "99091"),
    *("98975", "98976", "98977", "98978", "98984", "98985", "98986", "98979", "98980", "98981"),
}


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
        return self.hull is not None and _meets(fact, *self.hull)

    def zone_of_month(self, month):
        """The practice's zone, or else the patient's when the month began."""
        return self.story.practice_zone() or self.story.zone_on(date(*month, 1))

    def minutes_of(self, month):
        return minutes.of_month(self.story, month, self.zone_of_month(month))

    def is_period_open(self):
        zone = UTC if self.policy["day"] == "utc" else period_zone(self.story, self.days)
        return self.story.as_of.astimezone(zone).date() <= self.days[-1]

    def root(self, fewest):
        """Too few days; or why nothing counts at all, where there is one reason for it."""
        reasons = set(self.found.reasons)
        if len(reasons) == 1 and None not in reasons:
            return reasons.pop()
        return f"DAYS_BELOW_{fewest}"


def _meets(fact, first, last):
    start, end = as_date(fact.get("from")), as_date(fact.get("to"))
    return (start is None or start <= last) and (end is None or first <= end)


def every_code(story, found):
    """Yield (code, reason or none, units, date of service) for every candidate."""
    asked = Asked(story, found)
    block = _block(asked)
    dos = asked.days[-1] if asked.days else None
    for code, reason in _devices(asked, block):
        yield code, reason, 1, dos
    if asked.month:
        yield from _management(asked, block)
    if story.program == "RPM" and any(map(minutes.is_professional, minutes.entries(story))):
        yield "99091", block or _professional(asked), 1, dos


def _block(asked):
    """What blocks every code."""
    story, facts = asked.story, asked.story.facts
    biller = facts.get("biller") or {}
    if biller.get("type") not in VISITING + (THERAPISTS if story.program == "RTM" else ()):
        return "BILLER_NOT_ELIGIBLE"
    if story.ordered is None:
        return "NO_ORDER"
    if story.consented is None:
        return "NO_CONSENT"
    if story.program == "RPM" and not facts.get("established_patient"):
        return "NOT_ESTABLISHED_PATIENT"
    if story.program == "RTM" and not facts.get("treatment_plan"):
        return "NO_TREATMENT_PLAN"
    for other in as_list(facts.get("other_program")):
        if other["program"] != story.program and asked.is_overlapped(other):
            if facts.get("elected_program") is None:
                return "RPM_RTM_UNRESOLVED"
            if facts["elected_program"] != story.program:
                return "RPM_RTM_CONFLICT"
    for claim in as_list(facts.get("other_practitioner_claims")):
        span = {"from": claim.get("period_start"), "to": claim.get("period_end")}
        if claim["npi"] != biller.get("npi") and claim["code"] in MONITORING:
            if asked.is_overlapped(span):
                return "OTHER_PRACTITIONER"
    for surgery in as_list(facts.get("global_period")):
        if surgery.get("paid_to_biller") and surgery.get("related") and asked.is_overlapped(surgery):
            return "GLOBAL_PERIOD"
    for model in as_list(facts.get("access_model")):
        if model.get("aligned") and model.get("own_organisation") and model.get("same_condition"):
            if asked.is_overlapped(model):
                return "ACCESS_MODEL_EXCLUSIVE"
    if facts.get("payer_profile"):
        return None if facts["payer_profile"] == "allowed" else "PAYER_POLICY_HOLD"
    if facts.get("payer") not in ("medicare_part_b", "state_medicaid"):
        return "PAYER_POLICY_HOLD"
    return None


def _devices(asked, block):
    story = asked.story
    day = asked.days[-1] if asked.days else asked.today
    is_rpm = story.program == "RPM"
    setup = "99453" if is_rpm else "98975"
    short = "99445" if is_rpm else SHORT.get(story.category)
    long = "99454" if is_rpm else LONG.get(story.category)
    if day.year > 2026:
        held = block or "RULESET_UNVERIFIED"
    elif is_rpm and any(
        asked.days and _meets(claim, asked.days[0], asked.days[-1])
        for claim in as_list(story.facts.get("glucose_claims"))
    ):
        held = block or "CGM_95250_OVERLAP"
    else:
        held = block
    yield setup, held or _setup(asked, day)
    if short is None:
        yield "RTM device supply", "NO_SUPPLY_CODE"
    else:
        yield short, held or _short(asked, day)
        yield long, held or _long(asked)


def _setup(asked, day):
    story = asked.story
    if _is_setup_billed(story):
        return "ALREADY_BILLED_EPISODE"
    if story.set_up is None or not story.educated:
        return "NO_SETUP_EDUCATION"
    if story.asked_period > 1:
        return "NOT_FIRST_PERIOD"
    fewest = 2 if day.year == 2026 else 16
    chosen = asked.policy["setup_min_2026"]
    if chosen == "by_programme":
        chosen = "16" if story.program == "RPM" else "2"
    wanted = int(chosen) if day.year == 2026 else 16
    n = len(asked.counted)
    if asked.days is None:
        return asked.root(fewest)
    if asked.is_period_open():
        return "PERIOD_OPEN"
    if n < fewest:
        return asked.root(fewest)
    if n < wanted:
        return "SETUP_MIN_UNCONFIRMED"
    if _is_spanning(asked) and n < 16:
        return "SPANS_RULE_CHANGE"
    return None


def _is_setup_billed(story):
    billed = story.facts.get("setup_billed")
    dates = [None if billed is True else as_date(billed)] if billed else []
    for claim in as_list(story.facts.get("own_claims")):
        if claim["code"] in ("99453", "98975"):
            dates.append(as_date(claim.get("dos")))
    return any(d is None or story.episode is None or d >= story.episode for d in dates)


def _is_spanning(asked):
    """The period crosses from 2025 into 2026 and is held where the two disagree."""
    is_crossing = asked.days[0].year <= 2025 < asked.days[-1].year
    return is_crossing and asked.policy["span"] == "hold"


def _short(asked, day):
    n = len(asked.counted)
    if day.year < 2026:
        return "CODE_NOT_EFFECTIVE"
    if asked.days is None:
        return asked.root(2)
    if asked.is_period_open():
        return "PERIOD_OPEN"
    if n < 2:
        return asked.root(2)
    if n > 15:
        return "USE_16_30_CODE"
    return "SPANS_RULE_CHANGE" if _is_spanning(asked) else None


def _long(asked):
    if asked.days is None:
        return asked.root(16)
    if asked.is_period_open():
        return "PERIOD_OPEN"
    return asked.root(16) if len(asked.counted) < 16 else None


def _management(asked, block):
    story, last = asked.story, asked.month_last
    spent = asked.minutes_of(asked.month)
    begins = asked.month_first - 29 * ONE_DAY
    has_data = any(begins <= day <= last for day in asked.found.dates)
    is_open = story.as_of.astimezone(asked.zone_of_month(asked.month)).date() <= last
    first, base, more = TIME[story.program]
    for code, fewest in ((first, 10), (base, 20), (more, 40)):
        reason = block
        if reason is None and last.year > 2026:
            reason = "RULESET_UNVERIFIED"
        if reason is None and code == first and last.year < 2026:
            reason = "CODE_NOT_EFFECTIVE"
        if reason is None and is_open:
            reason = "MONTH_OPEN"
        if reason is None and not has_data:
            reason = "NO_DATA_TO_MANAGE"
        if reason is None and spent.whole < fewest:
            reason = f"MINUTES_BELOW_{fewest}"
        if reason is None and not spent.is_live:
            reason = "NO_INTERACTIVE_COMMUNICATION"
        if reason is None and code == first and spent.whole >= 20:
            reason = "USE_20_MIN_CODE"
        yield code, reason, (spent.whole - 20) // 20 if code == more else 1, last


def _professional(asked):
    story = asked.story
    day = asked.days[-1] if asked.days else asked.today
    if day.year > 2026:
        return "RULESET_UNVERIFIED"
    if asked.days is None:
        return "NO_DATA_TO_MANAGE"
    if asked.is_period_open():
        return "PERIOD_OPEN"
    whole = minutes.of_professionals(story, set(asked.days), period_zone(story, asked.days))
    if whole is None:
        return "NOT_QHP_TIME"
    if whole < 30:
        return "MINUTES_BELOW_30"
    for month in {(day.year, day.month) for day in asked.days}:
        spent = asked.minutes_of(month)
        if spent.whole >= 20 and spent.is_live:
            return "CONFLICT_99457"
    return None
