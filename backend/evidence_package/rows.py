"""How a package writes values: canonical JSON with one spelling for each, and back to rows.

Bytes are hexadecimal, dates and instants ISO 8601, keys in order: the same facts are the same
bytes. Rows of the ledger travel column by column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Date, DateTime, LargeBinary, Row, Table

_READERS = (
    (LargeBinary, bytes.fromhex),
    (DateTime, datetime.fromisoformat),
    (Date, date.fromisoformat),
)


class RowFault(ValueError):
    """A line that is not what its file promises."""


def spell(value: Any) -> Any:  # noqa: PLR0911  one kind of value a line
    """The value in words of JSON: structs and named tuples as objects, zones by their name."""
    match value:
        case bytes():
            return value.hex()
        case date() | tzinfo():
            return value.isoformat() if isinstance(value, date) else str(value)
        case Decimal():
            return str(value)
        case msgspec.Struct():
            return spell(msgspec.structs.asdict(value))
        case Mapping():
            return {str(key): spell(of) for key, of in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return spell(value._asdict())
        case str() | int() | None:
            return value
        case Iterable():
            return [spell(of) for of in value]
    raise TypeError(type(value).__name__)


def as_document(value: object) -> bytes:
    """A file that people may read as well."""
    return json.dumps(spell(value), sort_keys=True, ensure_ascii=False, indent=1).encode() + b"\n"


def as_lines(values: Iterable[object]) -> bytes:
    """A file of one value a line."""
    compact = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":")}
    return b"".join(json.dumps(spell(of), **compact).encode() + b"\n" for of in values)  # type: ignore[arg-type]  # mypy: the values of compact are of several types


def read_rows(table: Table, data: bytes) -> list[dict[str, Any]]:
    """Rows that `as_lines` wrote, for the table. Raises RowFault."""
    found = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or row.keys() != set(table.c.keys()):
                raise RowFault("found other columns")
            found.append({c.name: _read(c.type, row[c.name]) for c in table.c})
        except (ValueError, TypeError) as error:
            raise RowFault(f"{table.name}, line {number}: {error}") from error
    return found


def as_dicts(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Rows of a query by their columns."""
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public name for it


def _read(kind: object, value: Any) -> Any:
    if value is None:
        return None
    reader = next((read for of, read in _READERS if isinstance(kind, of)), None)
    return reader(value) if reader else value
