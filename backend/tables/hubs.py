"""Hubs: by which keys they belong to the office, since when one no longer does, what went wrong."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from backend.tables.columns import metadata, ms, to

hub = Table(
    "hub",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sign_key", LargeBinary, nullable=False),  # as enrolled; later ones are in hub_key
    Column("certificate", Text, nullable=False),  # PEM, the newest
    ms("enrolled_ms"),
    ms("seen_ms", nullable=True),
    # Ids of the receipt keys that it says it believes, 8 bytes each; NULL: it has not said so yet.
    Column("receipt_keys", LargeBinary),
    # What holds of the facts in hub_end: nothing sealed later is taken; nothing at all is taken.
    ms("retired_ms", nullable=True),
    ms("revoked_ms", nullable=True),
)

# Further keys by which a hub signs: each was asked for under one that it had before.
hub_key = Table(
    "hub_key",
    metadata,
    to("hub.id", primary_key=True),
    Column("sign_key", LargeBinary, primary_key=True),
    ms("added_ms"),
)

# Every certificate that a hub was given: when it is revoked, all of them are.
hub_certificate = Table(
    "hub_certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    to("hub.id", index=True),
    Column("certificate", Text, nullable=False),
    ms("issued_ms"),
)

hub_end = Table(
    "hub_end",
    metadata,
    Column("id", Integer, primary_key=True),
    to("hub.id", index=True),
    Column("what", Text, nullable=False),  # retired, revoked
    ms("from_ms"),
    ms("entered_ms"),
    Column("why", Text, nullable=False),
)

# Records of kids whose key record has not come: bounded, not receipted, asked for.
parked = Table(
    "parked",
    metadata,
    to("hub.id", primary_key=True),
    Column("kid", LargeBinary, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    ms("received_ms"),
    sqlite_with_rowid=False,
)

incident = Table(
    "incident",
    metadata,
    Column("what", Text, primary_key=True),
    Column("hub", Text, primary_key=True),  # empty: nobody who is enrolled
    Column("count", Integer, nullable=False),
    ms("first_ms"),
    ms("last_ms"),
    Column("detail", Text, nullable=False),  # of the last one; never a value
    sqlite_with_rowid=False,
)
