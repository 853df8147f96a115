"""A verdict of a patient of the ledger: as lines that a person reads, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from backend.billing.facts import Reading
from backend.billing.reasons import WORDS, Exclusion
from backend.billing.verdict import Verdict
from backend.billing.wording import tell
from backend.patients.examine import Examined

Left = tuple[str, Exclusion]


def draw(patient: str, found: Examined) -> Iterator[str]:
    """Line by line; what came after the claim was locked comes last, and apart."""
    facts, verdict = found.facts, found.verdict
    category = f" {facts.category}" if facts.category else ""
    as_of = found.question.as_of.isoformat(timespec="seconds")
    yield f"{patient}   {facts.program}{category}, episode {found.course.number}, as of {as_of}"
    in_time, late = split(verdict)
    yield from tell(msgspec.structs.replace(verdict, excluded=tuple(in_time)))
    if late:
        yield "after the claim was locked came:"
        for one in _as_rows(late, found):
            yield f"  {one['measured'] or 'at an unknown time'}  {one['device']}  {one['reading']}"


def split(verdict: Verdict) -> tuple[list[Left], list[Left]]:
    """What does not count, and of that, apart, what came after the lock."""
    late = [one for one in verdict.excluded if one[1] == Exclusion.LATE_AFTER_LOCK]
    return [one for one in verdict.excluded if one[1] != Exclusion.LATE_AFTER_LOCK], late


def as_json(patient: str, found: Examined) -> dict[str, object]:
    """The same, with every reading."""
    facts, verdict = found.facts, found.verdict
    in_time, late = split(verdict)
    period, month = verdict.period, verdict.month
    return {
        "patient": patient,
        "episode": found.course.number,
        "program": facts.program,
        "category": facts.category,
        "as_of": found.question.as_of.isoformat(),
        "period": period
        and {
            "number": period.number,
            "first": period.first.isoformat(),
            "last": period.last.isoformat(),
            "zone": str(period.zone),
        },
        "month": month and f"{month.first:%Y-%m}",
        "qualifying_days": len(verdict.days),
        "days": [day.isoformat() for day in verdict.days],
        "management_minutes": verdict.management_minutes,
        "codes": [
            msgspec.to_builtins(code) | ({"words": WORDS[code.reason]} if code.reason else {})
            for code in verdict.codes
        ],
        "counted": [row_of(one.reading) | {"day": one.day.isoformat()} for one in verdict.counted],
        "excluded": list(_as_rows(in_time, found)),
        "late": list(_as_rows(late, found)),
        "policy": verdict.policy.settings,
        "rule_sets": verdict.rule_sets,
        "flags": msgspec.to_builtins(verdict.flags),
    }


def row_of(reading: Reading) -> dict[str, object]:
    """When a reading was measured, in the patient's time, and when it came."""
    return {
        "reading": reading.identity,
        "device": reading.device,
        "measured": reading.measured and reading.measured[0].isoformat(timespec="milliseconds"),
        "received": reading.received and reading.received.isoformat(timespec="milliseconds"),
        "is_manual": reading.is_manual,
    }


def _as_rows(left: Iterable[Left], found: Examined) -> Iterator[dict[str, object]]:
    readings = {reading.identity: reading for reading in found.facts.readings}
    for identity, reason in left:
        words = {"reason": reason.value, "words": WORDS[reason]}
        yield row_of(readings[identity]) | words
