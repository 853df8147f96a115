"""Patients, their devices, and what people state of them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, LargeBinary, Table, Text

from backend.tables.columns import metadata, ms, to

patient = Table("patient", metadata, Column("id", Text, primary_key=True))

patient_zone = Table(
    "patient_zone",
    metadata,
    to("patient.id", primary_key=True),
    Column("from_date", Date, primary_key=True),
    Column("zone", Text, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", LargeBinary, nullable=False, unique=True),  # as it names readings
)

assignment = Table(
    "assignment",
    metadata,
    Column("id", Integer, primary_key=True),
    to("device.id", index=True),
    Column("slot", Integer),  # NULL: whoever measured
    to("patient.id", index=True),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date),  # the first day that is no longer this patient's
)

# What people state of a patient; `backend.facts.kinds` says what a body holds. One that is wrong is
# replaced by another row.
fact = Table(
    "fact",
    metadata,
    Column("id", Integer, primary_key=True),
    to("patient.id"),
    Column("kind", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    ms("at_ms"),
    Column("cause", Text, nullable=False),
    Column("replaces", ForeignKey("fact.id"), unique=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    # When it was, for what recurs every month and is found by a range; NULL for what stands.
    ms("about_ms", nullable=True),
)
Index("fact_by_time", fact.c.patient, fact.c.kind, fact.c.about_ms)
Index("fact_by_entry", fact.c.patient, fact.c.kind, fact.c.at_ms)

# Rule sets that came after this version, as loaded; none is in force before somebody signs it.
rule_set = Table(
    "rule_set",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    Column("actor", Text, nullable=False),
    ms("at_ms"),
)

rule_signature = Table(
    "rule_signature",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", ForeignKey("rule_set.hash"), nullable=False),
    Column("actor", Text, nullable=False),
    ms("at_ms"),
    Column("cause", Text, nullable=False),
)
