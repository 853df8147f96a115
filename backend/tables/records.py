"""Records as they came, sealed, and the epochs and devices that they name."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from backend.tables.columns import metadata, ms, of_record, to

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True),
    to("hub.id"),
    Column("kid", LargeBinary, nullable=False),
    Column("key_record", LargeBinary, nullable=False),  # as received; the data key stays sealed
    Column("previous_kid", LargeBinary),
    Column("previous_last", Integer),
    Column("previous_clean", Boolean),
    ms("received_ms"),
    UniqueConstraint("hub", "kid"),
)
Index("epoch_after", epoch.c.hub, epoch.c.previous_kid)

# Rows in the order of their names: a run is one stretch of the file, with no second index.
record = Table(
    "record",
    metadata,
    *of_record(),
    Column("kind", Integer, nullable=False),  # uplink.records.Kind; 0: opens, but cannot be read
    Column("sealed", LargeBinary, nullable=False),
    ms("received_ms"),
    sqlite_with_rowid=False,
)

epoch_device = Table(
    "epoch_device",
    metadata,
    Column("epoch", ForeignKey("epoch.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    to("device.id"),
    Column("driver", Text, nullable=False),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Records whose device record has not come yet; removed when it has.
waiting = Table(
    "waiting",
    metadata,
    *of_record(),
    Column("number", Integer, nullable=False),
    sqlite_with_rowid=False,
)
