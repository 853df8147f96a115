"""What hubs state of what they sealed, and what lacks of it."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from backend.tables.columns import metadata, ms, to

# As received; nothing is changed, and what says the same is kept once.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Integer, primary_key=True),
    to("hub.id"),
    Column("kid", LargeBinary, nullable=False),  # its key record may not have come
    Column("last", Integer, nullable=False),
    Column("ending", Integer, nullable=False),  # uplink.statements.Ending
    ms("utc_ms"),
    Column("chain", LargeBinary),
    Column("previous_kid", LargeBinary),
    Column("signed", LargeBinary, nullable=False),
    ms("received_ms"),
)
Index("checkpoint_of_epoch", checkpoint.c.hub, checkpoint.c.kid, checkpoint.c.last)

gone_statement = Table(
    "gone_statement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("signed", LargeBinary, nullable=False),
    ms("received_ms"),
)

gone = Table(
    "gone",
    metadata,
    to("hub.id", primary_key=True),
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
    to("hub.id"),
    Column("kid", LargeBinary, nullable=False),
    Column("known", Integer, nullable=False),  # the highest sequence that anything names
    Column("top", Integer, nullable=False),  # the highest that is stored
    Column("whole", Integer, nullable=False),  # 1 to this one are stored
    Column("chain", LargeBinary, nullable=False),  # over 1 to `whole`
    Column("ended", Integer),  # where a checkpoint says that it ended
    Column("disputed", Integer),  # a checkpoint at this sequence has another chain
    Column("boot", LargeBinary),
    ms("begun_ms", nullable=True),  # what the hub's clock said of the records, synchronised
    ms("until_ms", nullable=True),
    UniqueConstraint("hub", "kid"),
)
Index("extent_by_time", extent.c.hub, extent.c.begun_ms)

hole = Table(
    "hole",
    metadata,
    to("extent.id", primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    to("hub.id"),
    Column("fate", Text, nullable=False),  # backend.completeness.rule.Fate
    ms("due_ms"),  # when the hub may be asked for it next
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
