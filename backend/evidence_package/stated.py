"""What people had stated by then, as far as it bears on the period: rows of the ledger, whole.

What stands always bears on it. What recurs (time, notes, typed data) does where the verdict looks;
and a row that corrects another is never without it, nor the other without it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from backend.evidence_package.asked import Asked
from backend.evidence_package.rows import as_dicts
from backend.evidence_package.scope import lies_within
from backend.patients.window import Looked
from backend.utc import as_ms

Row = dict[str, Any]
_NOTE = "note"


def load_stated_rows(
    connection: Connection, table: Table, asked: Asked, looked: Looked | None
) -> list[Row]:
    """The rows of a table: of the patient, or of all where it names none."""
    query = select(table).where(table.c.at_ms <= asked.as_of_ms).order_by(*table.primary_key)
    if "patient" in table.c:
        query = query.where(table.c.patient == asked.patient)
    rows = as_dicts(connection.execute(query).all())
    if looked is None or "replaces" not in table.c:
        return rows
    kept = {row["id"] for row in rows if _bears(row, looked)}
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


def _bears(row: Row, looked: Looked) -> bool:
    stretches = (*looked.readings, *looked.times)
    if row["about_ms"] is not None:
        return any(lies_within(row[name], stretches) for name in ("about_ms", "at_ms"))
    if row["kind"] != _NOTE:
        return True
    begun = datetime.fromisoformat(f"{row['body']['month']}-01").replace(tzinfo=UTC)
    since, until = as_ms(begun), as_ms(begun + timedelta(days=31))
    return any(since < last and first < until for first, last in stretches)
