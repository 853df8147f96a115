"""Random bytes of the ledger are flipped: SQLite refuses it, or `verify` notices, or is blind.

What was sealed, and what it is called, is never another without a word. `verify` is blind to facts
that stand in the clear and have no second witness in the ledger, such as judgements and whose
device it is; how often that happens is told.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from backend import tables
from backend.errors import BackendError, LedgerUnusable
from backend.proving.verify import Verifier
from tests.backend.office import DRIVERS, KEY, Office, ledger_at
from tests.faults.run import Result, Run
from tests.faults.storage.books import TOPIC, Post
from tests.faults.storage.flips import damage

# What `verify` makes anew, or does not read: incidents are counts, `feed` and `sink` are a relay's.
NOT_FACTS = r"version|hub|incident"


class State(NamedTuple):
    """What is sealed and what it is called, and every other fact, by table."""

    sealed: list[str]
    names: list[str]
    facts: dict[str, list[str]]


async def flipped_ledger(run: Run) -> Result:
    """One ledger, damaged again and again."""
    post = Post()
    whole = run.folder / "whole"
    whole.mkdir()
    post.write(whole)
    office = Office(whole)
    for message in post.messages:
        office.intake.take(TOPIC, message)
    office.ledger.close()
    truth = _look(whole / "ledger.db")[1]
    found: Counter[str] = Counter()
    blind: Counter[str] = Counter()
    for _ in range(seeds := run.either(150, 1200)):
        seed = run.dice.randrange(1 << 32)
        path = run.folder / "ledger.db"
        shutil.copyfile(whole / "ledger.db", path)
        damage([path], Random(seed))
        outcome = _try(path, truth, blind)
        if outcome.startswith("!"):
            return Result(seeds, violation=f"flips of {seed}: {outcome[1:]}")
        found[outcome] += 1
    note = ", ".join(f"{count} {what}" for what, count in sorted(found.items()))
    told = ", ".join(f"{table} {count}" for table, count in blind.most_common()) or "nothing"
    return Result(seeds, note=f"64, 8 or 1 bytes: {note} ({told})")


def _try(path: Path, truth: State, blind: Counter[str]) -> str:
    try:
        problems, state = _look(path)
    except LedgerUnusable:
        return "refused"
    except BackendError as refused:
        return f"!it is refused as {refused!r}"
    if problems:
        return "noticed"
    if (state.sealed, state.names) != (truth.sealed, truth.names):
        return "!something sealed, or its name, is another, and `verify` finds the ledger sound"
    other = [table for table, rows in state.facts.items() if rows != truth.facts[table]]
    blind.update(other)
    return "not noticed" if other else "unharmed"


def _look(path: Path) -> tuple[list[str], State]:
    books = ledger_at(path)
    try:
        with books.reading() as connection:
            found = Verifier(connection, {KEY.public().id: KEY}, DRIVERS).verify()
            if found.problems:
                return found.problems, State([], [], {})
            return [], _read(connection)
    finally:
        books.close()


def _read(connection: Connection) -> State:
    sealed = select(tables.epoch.c.kid, tables.record.c.sequence, tables.record.c.sealed).join(
        tables.epoch, tables.epoch.c.id == tables.record.c.epoch
    )
    names = [name for name in tables.metadata.tables if not re.fullmatch(NOT_FACTS, name)]
    facts = {
        name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name in names
    }
    return State(
        sorted(map(repr, connection.execute(sealed))),
        sorted(map(repr, connection.execute(select(tables.reading.c.reading_id)))),
        facts,
    )
