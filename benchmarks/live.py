# mypy: disable-error-code="no-untyped-call"
# The office and the hub that seals by hand are those of the tests, which bear no types.
"""A patient of a real ledger: what one reading more costs after 1, 12 and 36 months.

It is taken in, opened, dated and stored; then the verdict on its period and month is asked anew,
with every other reading of an unsettled rule. Told is the CPU of the whole, the best of some.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from backend.billing.policy import DEFAULT
from backend.patients.examine import judge_patient
from benchmarks.claim import Claim
from tests.backend.evidence_package import made
from tests.backend.office import DAY, HOUR, MINUTE, PATIENT, START, Office, SealingHub, frame, naive
from tests.backend.stating import call, papers, state

MONTHS = (1, 12, 36)
TIMES = 12  # how often one reading more is measured
MORNINGS = 20  # of each 30 days; two readings each
EVIDENCE_S = 10


async def measure(folder: Path) -> list[Claim]:
    """Growth of one reading's cost with the months behind it; an evidence package of the last."""
    folder.mkdir()  # noqa: ASYNC240  nothing else runs
    office = Office(folder)
    office.now_ms = START
    office.assign()
    state(office, *papers())
    hub = office.enroll()
    costs, lived = [], 0
    for months in MONTHS:
        for month in range(lived, months):
            _live_through(office, hub, START + month * 30 * DAY)
        lived = months
        costs.append(min(_cost_ms(office, hub, months, n) for n in range(TIMES)))
    told = ", ".join(f"{ms:.1f} ms after {n}" for ms, n in zip(costs, MONTHS, strict=True))
    print(f"one reading more and its verdict, months behind it: {told}", file=sys.stderr)
    evidence_s = _evidence_s(office)
    office.ledger.close()
    return [
        Claim(
            "live", "office, one reading more in a history of 36 months, CPU", "ms", costs[-1], 500
        ),
        Claim(
            "live-growth", "the same, against a history of 1 month", "x", costs[-1] / costs[0], 1.3
        ),
        Claim(
            "evidence",
            "office, evidence of a month of 36, made and checked, CPU",
            "s",
            evidence_s,
            EVIDENCE_S,
        ),
    ]


def _live_through(office: Office, hub: SealingHub, begins_ms: int) -> None:
    """Thirty days: an epoch a morning, with two readings, and three calls."""
    for day in range(MORNINGS):
        at_ms = begins_ms + day * DAY + 13 * HOUR
        _begin(hub, at_ms)
        for minutes in (0, 5):
            hub.measure(at_ms + minutes * MINUTE, frame(naive(at_ms + minutes * MINUTE)))
        office.now_ms = at_ms + HOUR
        office.take(hub, hub.key_record, hub.run(), hub.close())
    for day in range(3):
        start = datetime.fromtimestamp((begins_ms + day * DAY) / 1000 + 15 * 3600, UTC)
        stop = start.replace(minute=9)
        state(office, call(start.isoformat(), stop.isoformat()))


def _begin(hub: SealingHub, at_ms: int) -> None:
    begin = hub.begin if hub.epoch is None else hub.begin_next
    begin(at_ms - 2 * MINUTE)
    hub.describe(at_ms - MINUTE)


def _cost_ms(office: Office, hub: SealingHub, months: int, number: int) -> float:
    """CPU of one reading more on the last measured morning of the newest period."""
    morning = START + ((months - 1) * 30 + MORNINGS - 1) * DAY + 14 * HOUR
    at_ms = morning + number * 10 * MINUTE
    _begin(hub, at_ms)
    hub.measure(at_ms, frame(naive(at_ms)))
    office.now_ms = at_ms + MINUTE
    as_of = datetime.fromtimestamp(office.now_ms / 1000, UTC)
    began = time.process_time()
    office.take(hub, hub.key_record, hub.run())
    with office.ledger.reading() as connection:
        found = judge_patient(
            connection, PATIENT, None, as_of.date().replace(day=1), DEFAULT, as_of=as_of
        )
    spent = time.process_time() - began
    assert found.period is not None
    if found.period.number != months or len(found.days) != MORNINGS:
        raise RuntimeError(f"period {found.period.number} has {len(found.days)} days")
    return spent * 1000


def _evidence_s(office: Office) -> float:
    """CPU of one package of the last whole period, which is checked from its own bytes."""
    as_of = datetime.fromtimestamp(office.now_ms / 1000 + 60 * 86_400, UTC)
    months = MONTHS[-1]
    month = datetime.fromtimestamp(START / 1000 + (months - 1) * 30 * 86_400, UTC)
    began = time.process_time()
    package = made.make(office, period=months, month=month.date().replace(day=1), as_of=as_of)
    if not package.data:
        raise RuntimeError("no package")
    return time.process_time() - began
