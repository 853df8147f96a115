"""Many rows at once.

SQLAlchemy binds every value of every row anew, which costs more than it costs SQLite to store them.
Here a statement is compiled once, and only values are bound whose type needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, LargeBinary, Table, bindparam, insert


class _Entry(NamedTuple):
    """`columns` in the order of the statement, each with what its values become, if anything."""

    statement: str
    columns: Sequence[tuple[str, Callable[[Any], Any] | None]]


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows that all name the same columns, in one statement; none are no statement."""
    if rows:
        entry = _compile(connection.dialect, table, tuple(rows[0]))
        values = (
            [bind(row[name]) for row in rows] if bind else [row[name] for row in rows]
            for name, bind in entry.columns
        )
        connection.exec_driver_sql(entry.statement, list(zip(*values, strict=True)))


@lru_cache
def _compile(dialect: Dialect, table: Table, names: tuple[str, ...]) -> _Entry:
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    compiled = insert(table).values(values).compile(dialect=dialect)
    assert compiled.positiontup is not None, "SQLite takes values by their place"
    columns = ((name, table.c[name].type) for name in compiled.positiontup)
    return _Entry(
        str(compiled),
        [
            # The driver takes bytes as they are.
            (name, None if isinstance(of, LargeBinary) else of.bind_processor(dialect))
            for name, of in ((name, of.dialect_impl(dialect)) for name, of in columns)
        ],
    )
