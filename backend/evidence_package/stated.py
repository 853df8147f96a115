"""What people had stated by then, as far as it bears on the period: rows of the ledger, whole.

What stands always bears on it. What recurs (time, notes, typed data) does within the stretches that
are looked at; and a row that corrects another is never without it, nor the other without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from backend.evidence_package.asked import Asked
from backend.evidence_package.rows import as_dicts
from backend.evidence_package.scope import Span
from backend.patient_typed import as_ms

AROUND = timedelta(days=31)
"""The months that a period touches are judged whole."""

Rows = list[dict[str, Any]]


def load_stated_rows(
    connection: Connection, table: Table, asked: Asked, spans: Sequence[Span] | None
) -> Rows:
    """The rows of a table: of the patient, or of all where it names none."""
    query = select(table).order_by(*table.primary_key)
    if "patient" in table.c:
        query = query.where(table.c.patient == asked.patient)
    rows = as_dicts(connection.execute(query.where(table.c.at_ms <= asked.as_of_ms)).all())
    if spans is None or "replaces" not in table.c:
        return rows
    stretches = [(since - AROUND, until + AROUND) for since, until in spans]
    within = [(as_ms(since), as_ms(until)) for since, until in stretches]
    months = {
        f"{day:%Y-%m}" for since, until in stretches for day in _days(since.date(), until.date())
    }
    kept = {row["id"] for row in rows if _bears(row, within, months)}
    while True:
        linked = {
            number
            for row in rows
            if row["id"] in kept or row["replaces"] in kept
            for number in (row["id"], row["replaces"])
            if number is not None
        }
        if linked <= kept:
            return [row for row in rows if row["id"] in kept]
        kept |= linked


def _bears(row: dict[str, Any], within: Sequence[tuple[int, int]], months: set[str]) -> bool:
    about = row["about_ms"]
    if about is not None:
        return any(since <= about < until for since, until in within)
    month = row["body"].get("month") if row["kind"] == "note" else None
    return month is None or month in months


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(0, (last - first).days + 1, 7)] + [last]
