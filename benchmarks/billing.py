"""Judging from scratch: how many patient-months a core judges, and what a longer history costs.

Only the pure function is measured, from facts to a verdict without flags. What a ledger lends it
for one new reading is the live part's: whoever measures that hands its own `judging` to `cost_ms`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from backend.billing.facts import (
    Biller,
    Consent,
    Device,
    Facts,
    Payer,
    Question,
    Reading,
    Setup,
    TimeEntry,
)
from backend.billing.verdict import judge
from backend.billing.zones import Zones, ZoneSince
from benchmarks.claim import Claim

PATIENT_MONTHS = 100_000
FEW = 10_000
LONG, TIMES = 36, 40  # months of a long history; how often a verdict on it is repeated
READINGS_A_MONTH = 40  # a cuff's: 20 days, two a day
FIRST = date(2023, 3, 1)
FIRST_INSTANT = datetime(2023, 3, 1, 13, tzinfo=UTC)
ZONES = Zones((ZoneSince(date(1900, 1, 1), ZoneInfo("America/New_York")),))
MONTH = timedelta(days=30)

Judging = Callable[[Facts, Question], object]


async def measure(_folder: Path) -> list[Claim]:
    """Rate and growth of rate over patient-months; growth of one verdict from 1 to 36 months."""
    rates = list(_rates())
    shrinking = rates[0] / rates[-1]
    short, long = (cost_ms(months, judge) for months in (1, LONG))
    what = "office, judging a patient-month of 40 readings from its facts, per core"
    return [
        Claim("assess", what, "patient-months/s", rates[-1], 400, is_ceiling=False),
        Claim(
            "assess-growth", f"the same, {FEW:,} against {PATIENT_MONTHS:,}", "x", shrinking, 1.2
        ),
        Claim(
            "history", f"a verdict from all of {LONG} months against one", "x", long / short, LONG
        ),
    ]


def facts_of(patient: int, months: int) -> Facts:
    """A patient in physiologic monitoring with that many months of readings and calls."""
    first = FIRST + timedelta(days=patient % 28)
    began = FIRST_INSTANT + timedelta(days=patient % 28)
    return Facts(
        program="RPM",
        zones=ZONES,
        payer=Payer(name="medicare_part_b"),
        ordered=first,
        consent=Consent(given=first),
        setup=Setup(on=first, is_educated=True),
        is_established=True,
        biller=Biller(npi="1000000001", profession="MD"),
        devices={"cuff": Device(is_defined=True)},
        readings=tuple(reading for n in range(months) for reading in _month(began + n * MONTH)),
        time_entries=tuple(_call(began + n * MONTH, k) for n in range(months) for k in range(3)),
    )


def question(facts: Facts, months: int) -> Question:
    """The last of the periods, and the calendar month in which it begins, once both have ended."""
    assert facts.ordered is not None
    begins = facts.ordered + (months - 1) * MONTH
    as_of = FIRST_INSTANT + (months + 3) * MONTH
    return Question(period=months, month=begins.replace(day=1), as_of=as_of)


def cost_ms(months: int, judging: Judging) -> float:
    """CPU of one verdict on the newest period of a history of so many months, the best of some."""
    facts = facts_of(0, months)
    asked = question(facts, months)
    costs = []
    for _ in range(TIMES):
        began = time.process_time()
        judging(facts, asked)
        costs.append(time.process_time() - began)
    return min(costs) * 1000


def _rates() -> Iterator[float]:
    """Patient-months judged a second, after few of them and after all."""
    spent = 0.0
    for patient in range(1, PATIENT_MONTHS + 1):
        facts = facts_of(patient, 1)
        asked = question(facts, 1)
        began = time.process_time()
        judge(facts, asked)
        spent += time.process_time() - began
        if patient in (FEW, PATIENT_MONTHS):
            yield patient / spent


def _month(began: datetime) -> Iterator[Reading]:
    for n in range(READINGS_A_MONTH):
        at = began + timedelta(days=n // 2, hours=9 * (n % 2))
        yield Reading(
            identity=at.isoformat(),
            device="cuff",
            kind="blood_pressure",
            measured=(at, at + timedelta(seconds=2)),
            received=at + timedelta(seconds=5),
        )


def _call(began: datetime, number: int) -> TimeEntry:
    start = began + timedelta(days=5 * number + 1)
    return TimeEntry(
        start=start,
        end=start + timedelta(minutes=9),
        person=f"nurse-{number % 2}",
        is_qhp=False,
        purpose="management",
        is_interactive=True,
        modality="phone",
        party="patient",
    )
