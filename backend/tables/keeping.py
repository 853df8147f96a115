"""What keeps the ledger: its format, who read it, what must stay and what lacks after a backup."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from backend.tables.columns import metadata, ms, to

version = Table("version", metadata, Column("format", Integer, nullable=False))

# One row: by what the key is known that reading_ids are written with (guarding/reading_names.py).
reading_key = Table("reading_key", metadata, Column("check", LargeBinary, nullable=False))

# Who read what of whom; each row's chain is over the one before and itself. NULL: everybody.
access = Table(
    "access",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    ms("at_ms"),
    Column("user", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("patient", Text),  # as asked for: who asks in vain is noted as well
    Column("what", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)
Index("access_of_patient", access.c.patient)

# That a patient's data must not be deleted, or may be again: the row with the greatest id holds.
legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", Integer, primary_key=True),
    to("patient.id", index=True),
    Column("is_held", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    ms("entered_ms"),
    Column("digest", LargeBinary, nullable=False, unique=True),
)

# Facts that facts.log tells of and the ledger did not have; empty patient: nobody knows whose.
missing_fact = Table(
    "missing_fact",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("patient", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    ms("noted_ms"),
    ms("found_ms"),
)

# A named person answers for going on without it.
missing_accepted = Table(
    "missing_accepted",
    metadata,
    Column("digest", ForeignKey("missing_fact.digest"), primary_key=True),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    ms("at_ms"),
)
