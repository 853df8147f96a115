"""Every candidate code: billable with a date of service, or blocked for the first reason."""

from __future__ import annotations

from . import minutes
from .asked import Asked, is_meeting
from .blocks import find_block
from .days import period_zone
from .story import ONE_DAY, as_date, as_list

SHORT = {"resp": "98984", "msk": "98985", "cbt": "98986"}
LONG = {"resp": "98976", "msk": "98977", "cbt": "98978"}
TIME = {"RPM": ("99470", "99457", "99458"), "RTM": ("98979", "98980", "98981")}


def every_code(story, found):
    """Yield (code, reason or none, units, date of service) for every candidate."""
    asked = Asked(story, found)
    block, time_block = find_block(asked, is_time=False), find_block(asked, is_time=True)
    dos = asked.days[-1] if asked.days else None
    for code, reason in _devices(asked, block):
        yield code, reason, 1, dos
    if asked.month:
        yield from _management(asked, time_block)
    if story.program == "RPM" and any(map(minutes.is_professional, minutes.entries(story))):
        yield "99091", time_block or _professional(asked), 1, dos


def _devices(asked, block):
    story = asked.story
    day = asked.days[-1] if asked.days else asked.today
    is_rpm = story.program == "RPM"
    setup = "99453" if is_rpm else "98975"
    category = asked.policy["adherence"] if story.category == "other" else story.category
    short = "99445" if is_rpm else SHORT.get(category)
    long = "99454" if is_rpm else LONG.get(category)
    if day.year > 2026:
        held = block or "RULESET_UNVERIFIED"
    elif is_rpm and any(
        asked.days and is_meeting(claim, asked.days[0], asked.days[-1])
        for claim in _glucose_claims(story.facts)
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


def _glucose_claims(facts):
    """What was paid under a more specific code, by whoever billed it."""
    yield from as_list(facts.get("glucose_claims"))
    for claim in as_list(facts.get("own_claims")) + as_list(facts.get("other_practitioner_claims")):
        if claim["code"] in ("95249", "95250", "95251"):
            yield {
                "from": claim.get("from") or claim.get("period_start"),
                "to": claim.get("to") or claim.get("period_end"),
            }


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
    claims = as_list(story.facts.get("own_claims"))
    dates += [as_date(one.get("dos")) for one in claims if one["code"] in ("99453", "98975")]
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
    has_data = has_data or asked.policy["no_data"] == "bill"
    is_open = (
        asked.policy["billed_when"] == "closed"
        and story.as_of.astimezone(asked.zone_of_month(asked.month)).date() <= last
    )
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
        if spent.whole >= 20 and spent.is_live and asked.policy["beside_99091"] == "none":
            return "CONFLICT_99457"
    return None
