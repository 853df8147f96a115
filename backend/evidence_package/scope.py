"""Which readings are evidence for a period: no more of a patient than bears on the verdict.

That is what was measured or received from the month before the period, or the month asked for, to
the end of the later one; and what was measured between the set-up and the first date that counts,
for that date begins all periods. Where nothing counts, or more is needed, it is everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from backend.billing.facts import Facts, Reading
from backend.billing.periods import LENGTH
from backend.billing.verdict import Verdict
from backend.billing.zones import ONE_DAY, midnight
from backend.evidence_package.asked import Scope

BEFORE = timedelta(days=LENGTH)
"""The rules look 29 days before a month, and another reading of a rule may begin a period anew."""

Span = tuple[datetime, datetime]
_NEVER = datetime.max.replace(tzinfo=UTC)


def select_readings(facts: Facts, spans: Sequence[Span] | None) -> list[Reading]:
    """The readings that bear on the verdict, in the order of their names."""
    chosen = (r for r in facts.readings if spans is None or any(_bears(r, s) for s in spans))
    return sorted(chosen, key=lambda r: (r.identity, r.received or _NEVER))


def find_hull(verdict: Verdict) -> Span | None:
    """From the beginning of period or month to the end of the later one."""
    dates = [(verdict.period.first, verdict.period.last)] if verdict.period else []
    dates += [(verdict.month.first, verdict.month.last)] if verdict.month else []
    if not dates:
        return None
    zone: tzinfo = verdict.period.zone if verdict.period else UTC
    first, last = min(of[0] for of in dates), max(of[1] for of in dates)
    return midnight(first, zone), midnight(last + ONE_DAY, zone)


def find_spans(facts: Facts, verdict: Verdict, scope: Scope) -> list[Span] | None:
    """The stretches of time whose readings bear on the verdict; none where all of them do."""
    hull = find_hull(verdict)
    if scope == "episode" or not verdict.counted or hull is None:
        return None
    begun = min(one.day for one in verdict.counted)
    zone = facts.zones.on(begun)
    since = facts.setup.on if facts.setup else facts.episode_start or begun
    start = min(since, begun)
    return [
        (hull[0] - BEFORE, hull[1] + ONE_DAY),
        (midnight(start, zone) - ONE_DAY, midnight(begun, zone) + 2 * ONE_DAY),
    ]


def _bears(reading: Reading, span: Span) -> bool:
    instants = [*(reading.measured or ()), *([reading.received] if reading.received else ())]
    return any(span[0] <= at < span[1] for at in instants)
