"""How complete each hub's epochs are in an excerpt, and what their chains say: `completeness.json`.

The same judgement as `hubs` gives, over the epochs of which the package has records. A chain is
followed where nothing of its epoch is withheld.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from backend import tables
from backend.completeness.rule import Begun, EpochJudgement, Facts, judge_hub
from backend.evidence_package.excerpt import Excerpt, Told, by_hub
from backend.ranges import Range, merge
from uplink.statements import CHAIN_START, Checkpoint, Ending, Previous, extend_chain

AGREES, DISAGREES, NOT_SHOWN = "agrees", "disagrees", "not shown"


class Statements(NamedTuple):
    """Rows of what hubs signed of the epochs of an excerpt: checkpoints, and what is gone."""

    checkpoints: Sequence[Row[Any]]
    gone: Sequence[Row[Any]]


def load_statements(connection: Connection, excerpt: Excerpt, until_ms: int) -> Statements:
    """What had come by then, in the order in which it came."""
    checkpoint, gone, signed = tables.checkpoint, tables.gone, tables.gone_statement
    of_excerpt = checkpoint.c.hub.in_(excerpt.hubs) & checkpoint.c.kid.in_(list(excerpt.stored))
    return Statements(
        connection.execute(
            select(checkpoint)
            .where(of_excerpt, checkpoint.c.received_ms <= until_ms)
            .order_by(checkpoint.c.id)
        ).all(),
        connection.execute(
            select(gone, signed.c.signed, signed.c.received_ms)
            .join(signed, signed.c.id == gone.c.statement)
            .where(
                gone.c.hub.in_(excerpt.hubs),
                gone.c.kid.in_(list(excerpt.stored)),
                signed.c.received_ms <= until_ms,
            )
            .order_by(signed.c.id, gone.c.kid, gone.c.first)
        ).all(),
    )


def tell_completeness(
    connection: Connection, excerpt: Excerpt, statements: Statements, told: Told
) -> Iterator[dict[str, Any]]:
    """Each epoch of which records are in the excerpt, hub by hub."""
    sealed: dict[bytes, dict[int, bytes]] = defaultdict(dict)
    for of in excerpt.records:
        sealed[of.epoch.kid][of.sequence] = of.sealed
    for hub, rows in by_hub(excerpt):
        checkpoints = [_read(row) for row in statements.checkpoints if row.hub == hub]
        chains = {
            kid: _follow(excerpt, kid, sealed[kid], [c for c in checkpoints if c.kid == kid])
            for kid in excerpt.stored
        }
        of_hub = connection.execute(select(tables.hub).where(tables.hub.c.id == hub)).one()
        facts = Facts(
            [Begun(row.kid, b"", _previous(row)) for row in rows],
            excerpt.stored,
            checkpoints,
            _find_gone(statements.gone, hub),
            told.refused,
            frozenset(kid for kid, chain in chains.items() if chain.startswith(DISAGREES)),
            of_hub.retired_ms is None and of_hub.revoked_ms is None,
        )
        names = {row.kid for row in rows}
        for epoch in judge_hub(facts).epochs:
            if epoch.kid in excerpt.stored and epoch.kid in names:
                withheld = excerpt.withheld.get(epoch.kid, ())
                yield {"hub": hub} | _tell(epoch, chains[epoch.kid], withheld)


def _tell(epoch: EpochJudgement, chain: str, withheld: Sequence[Range]) -> dict[str, Any]:
    return {
        "kid": epoch.kid,
        "state": epoch.state,
        "last_sequence": epoch.last,
        "records": epoch.stored,
        "ending": epoch.ending and Ending(epoch.ending).name.lower(),
        "ended_at": epoch.ended,
        "gaps": [gap._asdict() for gap in epoch.gaps],
        "chain": chain,
        "withheld": withheld,
    }


def _follow(
    excerpt: Excerpt, kid: bytes, sealed: Mapping[int, bytes], checkpoints: Sequence[Checkpoint]
) -> str:
    """What the hub's signed chain says of the sealed records, up to the last that it covers."""
    ranges = excerpt.stored[kid]
    whole = ranges[0][1] if ranges[0][0] == 1 else 0
    if kid in excerpt.withheld or not whole:
        return NOT_SHOWN
    chain, at = CHAIN_START, 0
    for one in sorted(checkpoints, key=lambda one: one.last_sequence):
        if one.chain is not None and one.last_sequence <= whole:
            chain = extend_chain(chain, (sealed[n] for n in range(at + 1, one.last_sequence + 1)))
            if chain != one.chain:
                return f"{DISAGREES} between {at + 1} and {one.last_sequence}"
            at = one.last_sequence
    return f"{AGREES} up to {at}" if at else NOT_SHOWN


def _previous(row: Row[Any]) -> Previous | None:
    known = (row.previous_kid, row.previous_last, row.previous_clean)
    return Previous(*known) if row.previous_kid else None


def _read(row: Row[Any]) -> Checkpoint:
    ending = Ending(row.ending)
    return Checkpoint(row.hub, row.kid, row.last, ending, row.utc_ms, row.chain, row.previous_kid)


def _find_gone(rows: Sequence[Row[Any]], hub: str) -> dict[bytes, list[Range]]:
    found: dict[bytes, list[Range]] = defaultdict(list)
    for row in rows:
        if row.hub == hub:
            found[row.kid].append((row.first, row.last))
    return {kid: merge(ranges) for kid, ranges in found.items()}
