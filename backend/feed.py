"""The feed: what a relay tells of each reading, in the order of commits, and how far sinks have it.

A row is made in the transaction that judged the reading, by whichever command that was, once the
ledger knows of any sink. A reading that is judged anew, or enrolled anew, is told again under a
higher revision.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from backend.errors import CursorUnknown
from backend.tables import assignment, feed, judgement, reading, sink


def tell(connection: Connection, readings: Collection[int]) -> None:
    """Tell of the readings, as they are judged now; of none while no sink is known."""
    if readings and connection.scalar(select(sink.c.name).limit(1)) is not None:
        _add(connection, where=judgement.c.reading.in_(readings))


def tell_of_patient(connection: Connection, patient: str) -> None:
    """Tell again of all that the patient's devices measured: what is known of the patient changed.

    One statement, however many they are.
    """
    if connection.scalar(select(sink.c.name).limit(1)) is not None:
        devices = select(assignment.c.device).where(assignment.c.patient == patient)
        readings = select(reading.c.id).where(reading.c.device.in_(devices))
        _add(connection, where=judgement.c.reading.in_(readings))


def enter_sink(connection: Connection, name: str, since: int | None) -> int:
    """Enter the sink, fill up what the feed lacks, and return the cursor that it has.

    `since` puts the cursor there; a new sink begins before the first row. What was judged while no
    sink was known follows in the order of its arrival. Raises CursorUnknown.
    """
    cursor = connection.scalar(select(sink.c.cursor).where(sink.c.name == name))
    if cursor is None:
        cursor = 0
        connection.execute(insert(sink).values(name=name, cursor=cursor))
    told = select(func.max(feed.c.n)).where(feed.c.reading == judgement.c.reading)
    newest = func.max(judgement.c.n)
    _add(connection, having=newest > func.coalesce(told.scalar_subquery(), 0))
    if since is not None:
        last = connection.scalar(select(func.max(feed.c.cursor))) or 0
        if since > last:
            raise CursorUnknown(since, last)
        cursor = since
        move(connection, name, cursor)
    return int(cursor)


def move(connection: Connection, name: str, cursor: int) -> None:
    """The sink has acknowledged all up to this cursor."""
    connection.execute(update(sink).where(sink.c.name == name).values(cursor=cursor))


def _add(connection: Connection, **conditions: ColumnElement[Any]) -> None:
    before = select(func.coalesce(func.max(feed.c.revision), 0))
    revision = before.where(feed.c.reading == judgement.c.reading).scalar_subquery() + 1
    rows = select(judgement.c.reading, revision, func.max(judgement.c.n))
    for clause, condition in conditions.items():
        rows = getattr(rows, clause)(condition)
    rows = rows.group_by(judgement.c.reading).order_by(judgement.c.reading)
    connection.execute(insert(feed).from_select(["reading", "revision", "n"], rows))
