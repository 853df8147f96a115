"""Who read what of whom: rows that are only added, each chained to the one before.

A row that was changed or taken out breaks the chain. The end of the chain is written to access.log,
outside the database, each time: so rows that were taken off the end show as well, and those that a
ledger put back from a copy has lost. Whoever can rewrite both can forge both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from backend.ledger import Ledger
from backend.outside import append_lines, read_lines
from backend.tables import access
from uplink.cbor import dump

LOG = "access.log"
START = bytes(32)


class Reader(NamedTuple):
    """Who reads: the system's user, the name they give, by which command, what for."""

    user: str
    by: str
    command: str
    purpose: str


class Access(NamedTuple):
    """A row: `patient` is None where it was everybody's data; `what` is never a value."""

    n: int
    at_ms: int
    user: str
    by: str
    command: str
    patient: str | None
    what: str
    purpose: str
    chain: bytes

    def follow(self, chain: bytes) -> bytes:
        """The chain with this row, after that of the row before."""
        return sha256(chain + dump(list(self[:-1]))).digest()


class End(msgspec.Struct, frozen=True):
    """A line of access.log: the chain (hex) ended with this row."""

    n: int
    at_ms: int
    chain: str


def note_access(
    ledger: Ledger, reader: Reader, patient: str | None, what: str, now_ms: int
) -> Access:
    """Note that somebody is about to read; on disk when it returns. Raises LedgerUnusable."""
    with ledger.writing() as connection:
        newest = select(access).order_by(access.c.n.desc()).limit(1)
        last = connection.execute(newest).one_or_none()
        n, chain = (last.n, last.chain) if last else (0, START)
        row = Access(n + 1, now_ms, *reader[:3], patient, what, reader.purpose, b"")
        row = row._replace(chain=row.follow(chain))
        connection.execute(insert(access).values(row._asdict()))
    return row


def note_end(log: Path, row: Access) -> None:
    """Note outside the database that the chain ends with this row. Raises OutputRefused."""
    append_lines(log, [End(row.n, row.at_ms, row.chain.hex())])


def load_accesses(connection: Connection) -> list[Access]:
    """All rows, oldest first."""
    return [Access(*row) for row in connection.execute(select(access).order_by(access.c.n))]


def find_breaks(rows: Sequence[Access], log: Path) -> Iterator[str]:
    """What is wrong with the rows: by their chain, and by its ends in access.log."""
    chain, n = START, 0
    for row in rows:
        if row.n != n + 1:
            yield f"rows {n + 1} to {row.n - 1} are missing"
        elif row.chain != row.follow(chain):
            yield f"row {row.n} is not as it was noted, or the one before it is not"
        chain, n = row.chain, row.n
    chains = {row.n: row.chain.hex() for row in rows}
    if rows and not log.exists():
        yield f"{log} is missing: rows that were taken off the end would not show"
    yield from _compare(chains, read_lines(log, End))


def _compare(chains: Mapping[int, str], ends: Iterable[End | bytes]) -> Iterator[str]:
    lost, unreadable = [], 0
    for end in ends:
        if isinstance(end, bytes):
            unreadable += 1
        elif chains.get(end.n) != end.chain:
            lost.append(end.n)
    if lost:
        span = f"{min(lost)} to {max(lost)}"
        yield f"{len(lost)} rows that were noted are not here, or not so: {span}"
    if unreadable:
        yield f"{unreadable} lines of {LOG} cannot be read"
