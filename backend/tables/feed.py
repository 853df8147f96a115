"""What a relay tells, and how far its sinks have it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, UniqueConstraint

from backend.tables.columns import metadata, to

# What a relay tells. One process at a time writes, so no row that is committed later gets a smaller
# cursor. Rows are made only once a sink is known; `n` is the judgement's.
feed = Table(
    "feed",
    metadata,
    Column("cursor", Integer, primary_key=True),
    to("reading.id"),
    Column("revision", Integer, nullable=False),
    Column("n", Integer, nullable=False),
    UniqueConstraint("reading", "revision"),
    sqlite_autoincrement=True,
)

# How far each of a relay's sinks has acknowledged the feed.
sink = Table(
    "sink",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Integer, nullable=False),
    sqlite_with_rowid=False,
)
