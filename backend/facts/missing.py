"""Facts that people typed or enrolled and the ledger has not got: it was put back from a copy.

Whoever is named here gets no verdict that could be billed by, until the facts are entered again or
a named person answers for going on without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, Select, insert, literal, select

from backend.facts.enrolled import load_enrolled
from backend.facts.log import FactsLog, Noted
from backend.ledger import Ledger
from backend.rows import add_rows
from backend.tables import fact, legal_hold, missing_accepted, missing_fact

LOG_LOST = "the log of facts itself"
LEGAL_HOLD = "legal-hold"


class Missing(NamedTuple):
    """A fact that was typed and is not here; `patient` is empty where it may be anybody's."""

    patient: str
    kind: str
    digest: bytes
    by: str
    noted_ms: int


def load_known(connection: Connection) -> list[Noted]:
    """Every fact that the ledger has: what was stated, and what was enrolled."""
    return [*_load_stated(connection), *load_enrolled(connection)]


def _load_stated(connection: Connection) -> list[Noted]:
    return [Noted._make(row) for rows in _STATED for row in connection.execute(rows)]


def look_for_missing(ledger: Ledger, log: FactsLog, now_ms: int) -> None:
    """Compare ledger and log: enter what the ledger lacks, and note what the log lacks.

    It is called before facts are entered as well: so there is a log by then, and one that is not
    there was lost. Raises LedgerUnusable or OutputRefused.
    """
    # The log first: a fact is committed before it is noted, so one that is typed meanwhile is
    # at worst unknown to the log.
    noted = log.load()
    with ledger.writing() as connection:
        known = {fact.digest: fact for fact in load_known(connection)}
        if noted is None:
            lost = sha256(f"{LOG_LOST} {now_ms}".encode()).digest()
            # What was enrolled alone begins a log: a hub may be enrolled before anybody types.
            is_lost = bool(_load_stated(connection))
            noted = {lost: Noted("", LOG_LOST, lost, "", now_ms)} if is_lost else {}
        entered = set(connection.scalars(select(missing_fact.c.digest)))
        lacking = [noted[digest] for digest in noted.keys() - known.keys() - entered]
        add_rows(connection, missing_fact, [of._asdict() | {"found_ms": now_ms} for of in lacking])
    log.note(known.values())


def find_missing(connection: Connection, patient: str | None = None) -> list[Missing]:
    """What is still missing of a patient, or of anybody, and nobody has answered for."""
    columns = (missing_fact.c[name] for name in Missing._fields)
    rows = select(*columns).order_by(missing_fact.c.noted_ms, missing_fact.c.digest)
    rows = rows.where(missing_fact.c.digest.not_in(select(missing_accepted.c.digest)))
    if patient is not None:
        rows = rows.where(missing_fact.c.patient.in_([patient, ""]))
    found = [Missing(*row) for row in connection.execute(rows)]
    if not found:
        return []
    known = {fact.digest for fact in load_known(connection)}
    return [fact for fact in found if fact.digest not in known]


def accept_missing(
    connection: Connection, missing: Iterable[Missing], by: str, because: str, now_ms: int
) -> None:
    """A named person answers for going on without them."""
    row = {"by": by, "because": because, "at_ms": now_ms}
    rows = [row | {"digest": fact.digest} for fact in missing]
    if rows:
        connection.execute(insert(missing_accepted), rows)


# One for each table of typed facts.
_STATED: list[Select[tuple[str, str, bytes, str, int]]] = [
    select(
        legal_hold.c.patient,
        literal(LEGAL_HOLD),
        legal_hold.c.digest,
        legal_hold.c.by,
        legal_hold.c.entered_ms,
    ),
    select(fact.c.patient, fact.c.kind, fact.c.digest, fact.c.actor, fact.c.at_ms),
]
