"""Completeness proved anew: from the sealed records and the hub's signatures, not from any summary.

Each key record and checkpoint is verified again, each chain computed again over the records that
are stored. What the summaries (`extent`, `hole`) say is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, select

from backend import tables
from backend.completeness.hubs import load_facts
from backend.completeness.rule import Begun, Facts, Gap, judge_hub
from backend.ranges import Range, as_ranges, merge
from uplink.errors import SealError, WireError
from uplink.seal import verify_statement
from uplink.statements import CHAIN_START, Checkpoint, Ending, KeyRecord, extend_chain

Stored = Mapping[bytes, Mapping[int, bytes]]


class Proof:
    """What is proved of one hub, from its records by epoch (and then sequence)."""

    def __init__(
        self,
        connection: Connection,
        hub: str,
        sign_keys: Sequence[bytes],
        key_records: Sequence[KeyRecord],
        stored: Stored,
    ) -> None:
        self._connection = connection
        self._hub = hub
        self._sign_keys = sign_keys
        self._stored = {kid: as_ranges(sealed) for kid, sealed in stored.items()}
        self._sealed = stored
        self.problems: list[str] = []
        self._checkpoints = list(self._load_checkpoints())
        kept = load_facts(connection, hub)
        facts = Facts(
            [Begun(one.kid, one.start.boot, one.previous) for one in key_records],
            self._stored,
            self._checkpoints,
            self._load_gone(),
            kept.refused,
        )
        anew, before = judge_hub(facts), judge_hub(kept)
        self.gaps: Sequence[Gap] = anew.gaps
        for one in self.gaps:
            self._complain(one.kid, f"{one.first} to {one.last} are missing ({one.fate})")
        if sorted(anew.gaps) != sorted(before.gaps):
            self.problems.append(f"hub {hub}: what `hubs` says is missing is not what is")
        for epoch in anew.epochs:
            if epoch.goes_on:
                self._complain(epoch.kid, f"ended at {epoch.ended}; {epoch.last} is beyond")
        for kid in {one.kid for one in self._checkpoints}:
            self._follow_chain(kid, [one for one in self._checkpoints if one.kid == kid])

    def _follow_chain(self, kid: bytes, checkpoints: Iterable[Checkpoint]) -> None:
        """Name the records between the last checkpoint that agrees and the first that does not."""
        sealed, whole = self._sealed.get(kid, {}), _whole(self._stored.get(kid, ()))
        chain, at, agreed = CHAIN_START, 0, 0
        for one in sorted(checkpoints, key=lambda one: one.last_sequence):
            if one.chain is None or one.last_sequence > whole:
                continue
            span = range(at + 1, one.last_sequence + 1)
            chain, at = extend_chain(chain, (sealed[n] for n in span)), one.last_sequence
            if chain != one.chain:
                self._complain(
                    kid,
                    f"of the records {agreed + 1} to {at} one is not what the hub sealed, "
                    f"by its checkpoint at {at}",
                )
                return
            agreed = at

    def _load_checkpoints(self) -> Iterator[Checkpoint]:
        table = tables.checkpoint
        rows = self._connection.execute(select(table).where(table.c.hub == self._hub))
        for row in rows.all():
            try:
                found = verify_statement(row.signed, self._sign_keys)
            except (SealError, WireError) as error:
                self._complain(row.kid, f"checkpoint at {row.last}: {error}")
                continue
            ending = Ending(row.ending)
            kept = Checkpoint(
                self._hub, row.kid, row.last, ending, row.utc_ms, row.chain, row.previous_kid
            )
            if found == kept:
                yield kept
            else:
                self._complain(row.kid, f"checkpoint at {row.last}: it says something else")

    def _load_gone(self) -> dict[bytes, list[Range]]:
        table = tables.gone
        found: dict[bytes, list[Range]] = {}
        for row in self._connection.execute(select(table).where(table.c.hub == self._hub)):
            found.setdefault(row.kid, []).append((row.first, row.last))
        return {kid: merge(ranges) for kid, ranges in found.items()}

    def _complain(self, kid: bytes, what: str) -> None:
        self.problems.append(f"hub {self._hub}, epoch {kid.hex()}: {what}")


def _whole(stored: Sequence[Range]) -> int:
    """The sequence up to which all are stored."""
    return stored[0][1] if stored and stored[0][0] == 1 else 0
