"""The tables of the ledger. Facts are only ever added.

What counting needs lies in the clear; values stay sealed, in `record`. Instants are milliseconds
of UTC since 1970, `boottime_ms` counts from a hub's boot, device times are naive.
`placed_ms` is an index, not a verdict: the instant as well as the ledger knows it, by the hub's
own clock or by an anchor of its boot, NULL while nothing tells.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from backend.reading_names import ReadingId

metadata = MetaData()


def _to(parent: str, *, nullable: bool = False, **options: Any) -> Column[Any]:
    name = parent.partition(".")[0]
    return Column(name, ForeignKey(parent), nullable=nullable, **options)


def _ms(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=nullable)


version = Table("version", metadata, Column("format", Integer, nullable=False))

# One row: by what the key that reading_ids are written with is known (backend.reading_names).
reading_key = Table("reading_key", metadata, Column("check", LargeBinary, nullable=False))

hub = Table(
    "hub",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sign_key", LargeBinary, nullable=False),  # as enrolled; later ones are in hub_key
    Column("certificate", Text, nullable=False),  # PEM, the newest
    _ms("enrolled_ms"),
    _ms("seen_ms", nullable=True),
    # Ids of the receipt keys that it says it believes, 8 bytes each; NULL: it has not said so yet.
    Column("receipt_keys", LargeBinary),
    # What holds of the facts in hub_end: nothing sealed later is taken; nothing at all is taken.
    _ms("retired_ms", nullable=True),
    _ms("revoked_ms", nullable=True),
)

# Further keys by which a hub signs: each was asked for under one that it had before.
hub_key = Table(
    "hub_key",
    metadata,
    _to("hub.id", primary_key=True),
    Column("sign_key", LargeBinary, primary_key=True),
    _ms("added_ms"),
)

# Every certificate that a hub was given: when it is revoked, all of them are.
hub_certificate = Table(
    "hub_certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("hub.id", index=True),
    Column("certificate", Text, nullable=False),
    _ms("issued_ms"),
)

hub_end = Table(
    "hub_end",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("hub.id", index=True),
    Column("what", Text, nullable=False),  # retired, revoked
    _ms("from_ms"),
    _ms("entered_ms"),
    Column("why", Text, nullable=False),
)

patient = Table("patient", metadata, Column("id", Text, primary_key=True))

patient_zone = Table(
    "patient_zone",
    metadata,
    _to("patient.id", primary_key=True),
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
    _to("device.id", index=True),
    Column("slot", Integer),  # NULL: whoever measured
    _to("patient.id", index=True),
    Column("from_date", Date, nullable=False),
    Column("to_date", Date),  # the first day that is no longer this patient's
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("hub.id"),
    Column("kid", LargeBinary, nullable=False),
    Column("key_record", LargeBinary, nullable=False),  # as received; the data key stays sealed
    Column("previous_kid", LargeBinary),
    Column("previous_last", Integer),
    Column("previous_clean", Boolean),
    _ms("received_ms"),
    UniqueConstraint("hub", "kid"),
)
Index("epoch_after", epoch.c.hub, epoch.c.previous_kid)


def _of_record() -> tuple[Column[Any], Column[Any]]:
    """The record that a fact comes from: (hub, kid, sequence)."""
    return (
        Column("epoch", ForeignKey("epoch.id"), primary_key=True),
        Column("sequence", Integer, primary_key=True, autoincrement=False),
    )


# Rows in the order of their names: a run is one stretch of the file, with no second index.
record = Table(
    "record",
    metadata,
    *_of_record(),
    Column("kind", Integer, nullable=False),  # uplink.records.Kind; 0: opens, but cannot be read
    Column("sealed", LargeBinary, nullable=False),
    _ms("received_ms"),
    sqlite_with_rowid=False,
)

epoch_device = Table(
    "epoch_device",
    metadata,
    Column("epoch", ForeignKey("epoch.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _to("device.id"),
    Column("driver", Text, nullable=False),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Records whose device record has not come yet; removed when it has.
waiting = Table(
    "waiting",
    metadata,
    *_of_record(),
    Column("number", Integer, nullable=False),
    sqlite_with_rowid=False,
)

reading = Table(
    "reading",
    metadata,
    Column("id", Integer, primary_key=True),
    # Its 16 bytes are as good as random: only this one index is written all over.
    Column("reading_id", ReadingId, nullable=False, unique=True),
    _to("device.id", index=True),
    Column("slot", Integer),
    Column("failed", Boolean, nullable=False),
)


def _when() -> tuple[Column[Any], ...]:
    """An instant on a hub; `boot` is the hub's name and its boot id, hashed."""
    return (
        Column("boot", LargeBinary, nullable=False),
        _ms("boottime_ms"),
        _ms("utc_ms"),
        Column("quality", Integer, nullable=False),
    )


sighting = Table(
    "sighting",
    metadata,
    *_of_record(),
    _to("reading.id"),
    _to("device.id"),
    # Counted per reading and `synced`: whether the hub's clock was synchronised.
    Column("synced", Boolean, nullable=False),
    Column("nth", Integer, nullable=False),
    *_when(),
    _ms("placed_ms", nullable=True),
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
    *_of_record(),
    _to("device.id"),
    *_when(),
    _ms("placed_ms", nullable=True),
    Column("device_time", DateTime, nullable=False),
    Column("asked_ms", Integer),  # BOOTTIME
    Column("is_set", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
Index("device_clock_of_device", device_clock.c.device, device_clock.c.placed_ms)

clock_anchor = Table(
    "clock_anchor",
    metadata,
    *_of_record(),  # sequence 0: the epoch's start
    *_when(),
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
    _to("reading.id", primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("method", Text, nullable=False),
    Column("candidates", JSON, nullable=False),  # [[from_ms, to_ms], ...]
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _ms("at_ms"),
    sqlite_with_rowid=False,
)

# By which readings are found that were measured within a range; it follows from the judgements,
# a row for each. What no clock dates stands where it was judged.
measured = Table(
    "measured",
    metadata,
    _to("device.id", primary_key=True),
    Column("from_ms", Integer, primary_key=True, autoincrement=False),
    _to("reading.id", primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    _ms("at_ms"),
    sqlite_with_rowid=False,
)
Index("measured_by_arrival", measured.c.device, measured.c.at_ms)

# What people state of a patient; `backend.fact_kinds` says what a body holds. One that is wrong is
# replaced by another row.
fact = Table(
    "fact",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("patient.id"),
    Column("kind", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    _ms("at_ms"),
    Column("cause", Text, nullable=False),
    Column("replaces", ForeignKey("fact.id"), unique=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    # When it was, for what recurs every month and is found by a range; NULL for what stands.
    _ms("about_ms", nullable=True),
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
    _ms("at_ms"),
)

rule_signature = Table(
    "rule_signature",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", ForeignKey("rule_set.hash"), nullable=False),
    Column("actor", Text, nullable=False),
    _ms("at_ms"),
    Column("cause", Text, nullable=False),
)

# What a relay tells. One process at a time writes, so no row that is committed later gets a smaller
# cursor. Rows are made only once a sink is known; `n` is the judgement's.
feed = Table(
    "feed",
    metadata,
    Column("cursor", Integer, primary_key=True),
    _to("reading.id"),
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

# Who read what of whom; each row's chain is over the one before and itself. NULL: everybody.
access = Table(
    "access",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    _ms("at_ms"),
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
    _to("patient.id", index=True),
    Column("is_held", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    _ms("entered_ms"),
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
    _ms("noted_ms"),
    _ms("found_ms"),
)

# A named person answers for going on without it.
missing_accepted = Table(
    "missing_accepted",
    metadata,
    Column("digest", ForeignKey("missing_fact.digest"), primary_key=True),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    _ms("at_ms"),
)

# Records of kids whose key record has not come: bounded, not receipted, asked for.
parked = Table(
    "parked",
    metadata,
    _to("hub.id", primary_key=True),
    Column("kid", LargeBinary, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    _ms("received_ms"),
    sqlite_with_rowid=False,
)

# As received; nothing is changed, and what says the same is kept once.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("hub.id"),
    Column("kid", LargeBinary, nullable=False),  # its key record may not have come
    Column("last", Integer, nullable=False),
    Column("ending", Integer, nullable=False),  # uplink.statements.Ending
    _ms("utc_ms"),
    Column("chain", LargeBinary),
    Column("previous_kid", LargeBinary),
    Column("signed", LargeBinary, nullable=False),
    _ms("received_ms"),
)
Index("checkpoint_of_epoch", checkpoint.c.hub, checkpoint.c.kid, checkpoint.c.last)

gone_statement = Table(
    "gone_statement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("signed", LargeBinary, nullable=False),
    _ms("received_ms"),
)

gone = Table(
    "gone",
    metadata,
    _to("hub.id", primary_key=True),
    Column("kid", LargeBinary, primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, primary_key=True, autoincrement=False),
    Column("statement", ForeignKey("gone_statement.id"), nullable=False),
    sqlite_with_rowid=False,
)

# What follows from records and statements, so that no message needs to read them again: how far
# each epoch goes that was heard of, and (`hole`) what lacks below. `verify` makes it anew.
extent = Table(
    "extent",
    metadata,
    Column("id", Integer, primary_key=True),
    _to("hub.id"),
    Column("kid", LargeBinary, nullable=False),
    Column("known", Integer, nullable=False),  # the highest sequence that anything names
    Column("top", Integer, nullable=False),  # the highest that is stored
    Column("whole", Integer, nullable=False),  # 1 to this one are stored
    Column("chain", LargeBinary, nullable=False),  # over 1 to `whole`
    Column("ended", Integer),  # where a checkpoint says that it ended
    Column("disputed", Integer),  # a checkpoint at this sequence has another chain
    Column("boot", LargeBinary),
    _ms("begun_ms", nullable=True),  # what the hub's clock said of the records, synchronised
    _ms("until_ms", nullable=True),
    UniqueConstraint("hub", "kid"),
)
Index("extent_by_time", extent.c.hub, extent.c.begun_ms)

hole = Table(
    "hole",
    metadata,
    _to("extent.id", primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    _to("hub.id"),
    Column("fate", Text, nullable=False),  # backend.completeness.Fate
    _ms("due_ms"),  # when the hub may be asked for it next
    sqlite_with_rowid=False,
)
Index(
    "hole_wanted",
    hole.c.hub,
    hole.c.due_ms,
    hole.c.extent,
    hole.c.first,
    sqlite_where=hole.c.fate == "wanted",
    postgresql_where=hole.c.fate == "wanted",
)

incident = Table(
    "incident",
    metadata,
    Column("what", Text, primary_key=True),
    Column("hub", Text, primary_key=True),  # empty: nobody who is enrolled
    Column("count", Integer, nullable=False),
    _ms("first_ms"),
    _ms("last_ms"),
    Column("detail", Text, nullable=False),  # of the last one; never a value
    sqlite_with_rowid=False,
)

# What `measured` follows from: the rows that it has to hold.
MEASURED = """
SELECT reading.device, coalesce(json_extract(candidates, '$[0][0]'), at_ms), reading.id, n, at_ms
FROM judgement JOIN reading ON reading.id = judgement.reading
"""
