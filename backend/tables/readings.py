"""Readings, what every clock said of them, and when they are judged to have been measured."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from backend.reading_names import ReadingId
from backend.tables.columns import metadata, ms, of_record, to, when

reading = Table(
    "reading",
    metadata,
    Column("id", Integer, primary_key=True),
    # Its 16 bytes are as good as random: only this one index is written all over.
    Column("reading_id", ReadingId, nullable=False, unique=True),
    to("device.id", index=True),
    Column("slot", Integer),
    Column("failed", Boolean, nullable=False),
)

sighting = Table(
    "sighting",
    metadata,
    *of_record(),
    to("reading.id"),
    to("device.id"),
    # Counted per reading and `synced`: whether the hub's clock was synchronised.
    Column("synced", Boolean, nullable=False),
    Column("nth", Integer, nullable=False),
    *when(),
    ms("placed_ms", nullable=True),
    Column("device_time", DateTime),
    Column("origin", Integer, nullable=False),
    Column("link", Integer, nullable=False),
    UniqueConstraint("reading", "synced", "nth"),
    sqlite_with_rowid=False,
)
Index("sighting_of_device", sighting.c.device, sighting.c.placed_ms)

device_clock = Table(
    "device_clock",
    metadata,
    *of_record(),
    to("device.id"),
    *when(),
    ms("placed_ms", nullable=True),
    Column("device_time", DateTime, nullable=False),
    Column("asked_ms", Integer),  # BOOTTIME
    Column("is_set", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("device_clock_of_device", device_clock.c.device, device_clock.c.placed_ms)

clock_anchor = Table(
    "clock_anchor",
    metadata,
    *of_record(),  # sequence 0: the epoch's start
    *when(),
    sqlite_with_rowid=False,
)
Index("clock_anchor_of_boot", clock_anchor.c.boot, clock_anchor.c.boottime_ms)
for _unsynced in (sighting, device_clock):
    Index(
        f"{_unsynced.name}_unsynced",
        _unsynced.c.boot,
        _unsynced.c.boottime_ms,
        sqlite_where=_unsynced.c.quality == 0,
        postgresql_where=_unsynced.c.quality == 0,
    )

# The row with the greatest n holds; earlier ones tell what held before, and why it changed.
judgement = Table(
    "judgement",
    metadata,
    to("reading.id", primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("method", Text, nullable=False),
    Column("candidates", JSON, nullable=False),  # [[from_ms, to_ms], ...]
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    ms("at_ms"),
    sqlite_with_rowid=False,
)

# By which readings are found that were measured within a range; it follows from the judgements,
# a row for each. What no clock dates stands where it was judged.
measured = Table(
    "measured",
    metadata,
    to("device.id", primary_key=True),
    Column("from_ms", Integer, primary_key=True, autoincrement=False),
    to("reading.id", primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    ms("at_ms"),
    sqlite_with_rowid=False,
)
Index("measured_by_arrival", measured.c.device, measured.c.at_ms)

# What `measured` follows from: the rows that it has to hold.
MEASURED = """
SELECT reading.device, coalesce(json_extract(candidates, '$[0][0]'), at_ms), reading.id, n, at_ms
FROM judgement JOIN reading ON reading.id = judgement.reading
"""
