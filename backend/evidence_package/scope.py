"""Which readings are evidence for a period: no more of a patient than its verdict looks at.

That is what was measured or received about the period and the month asked for, and up to the first
date that counts, for that one begins all periods (backend.patients.window).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from backend.billing.facts import Facts, Reading
from backend.billing.verdict import Verdict
from backend.billing.zones import ONE_DAY, midnight
from backend.facts.rows import Between
from backend.patients.window import Looked
from backend.utc import as_ms

_NEVER = datetime.max.replace(tzinfo=UTC)


def select_readings(facts: Facts, looked: Looked | None) -> list[Reading]:
    """The readings that bear on the verdict, in the order of their names."""
    chosen = (
        one
        for one in facts.readings
        if looked is None or any(lies_within(as_ms(at), looked.readings) for at in _instants(one))
    )
    return sorted(chosen, key=lambda one: (one.identity, one.received or _NEVER))


def find_hull(verdict: Verdict) -> tuple[datetime, datetime] | None:
    """From the beginning of period or month to the end of the later one."""
    dates = [(verdict.period.first, verdict.period.last)] if verdict.period else []
    dates += [(verdict.month.first, verdict.month.last)] if verdict.month else []
    if not dates:
        return None
    zone: tzinfo = verdict.period.zone if verdict.period else UTC
    first, last = min(of[0] for of in dates), max(of[1] for of in dates)
    return midnight(first, zone), midnight(last + ONE_DAY, zone)


def lies_within(at_ms: int, stretches: Iterable[Between]) -> bool:
    """Whether an instant lies in one of the stretches."""
    return any(since <= at_ms < until for since, until in stretches)


def _instants(reading: Reading) -> tuple[datetime, ...]:
    """By which it is looked for: when it was measured at the earliest, and when it came."""
    received = (reading.received,) if reading.received else ()
    return (reading.measured[0], *received) if reading.measured else received
