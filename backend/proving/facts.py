"""What `verify` finds amiss in facts and in what is found by ranges."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select, text

from backend.facts.entry import digest_of
from backend.facts.rows import NAME_BYTES
from backend.tables import MEASURED, fact


def find_changed(connection: Connection) -> Iterator[str]:
    """Facts that are not what was entered, and judgements that no range finds or that are gone."""
    yield from find_changed_facts(connection)
    kept = "SELECT device, from_ms, reading, n, at_ms FROM measured"
    for one, other in ((MEASURED, kept), (kept, MEASURED)):
        for row in connection.execute(text(f"{one} EXCEPT {other}")):
            yield f"reading {row[2]}, judgement {row[3]}: no verdict would find it where it belongs"


def find_changed_facts(connection: Connection) -> Iterator[str]:
    """Facts that do not have the digest of what was entered, by whom and why."""
    names: dict[int | None, str] = {None: ""}
    for row in connection.execute(select(fact).order_by(fact.c.id)):
        name = names[row.id] = row.digest[:NAME_BYTES].hex()
        told = (row.patient, row.kind, row.body, row.actor, row.cause, names.get(row.replaces))
        if digest_of(*told) != row.digest:
            yield f"fact {name}: it is not what was entered"
