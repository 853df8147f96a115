"""The records of one message: what opens and is new is stored, what never can be is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from backend import tables
from backend.completeness.extents import Extents
from backend.completeness.machines import Machines
from backend.enrolment.membership import RETIRED, Member
from backend.epochs import Epoch, Opened
from backend.incidents import Incidents
from backend.naming import kind_of
from backend.ranges import as_ranges
from backend.rows import add_rows
from uplink.errors import SealError, UnknownKind, WireError
from uplink.records import Record, Stamp, decode
from uplink.wire import Refusal

CONFLICT = "conflict"
UNOPENABLE = "unopenable"
UNREADABLE = 0  # the kind of a record that opens and is none: authentic, so kept


class Records:
    """Stores records of one hub within a transaction; says what is `stored`, now or before.

    `ahead` are the epochs of which more was known than had come in order.
    """

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        connection: Connection,
        extents: Extents,
        machines: Machines,
        incidents: Incidents,
        *,
        member: Member,
        now_ms: int,
    ) -> None:
        self.stored: dict[bytes, set[int]] = defaultdict(set)
        self.refused: list[Refusal] = []
        self.ahead: set[bytes] = set()
        self._connection = connection
        self._extents = extents
        self._machines = machines
        self._incidents = incidents
        self._member = member
        self._now_ms = now_ms

    def store(self, epoch: Epoch, sealed: Sequence[tuple[int, bytes]]) -> list[Opened]:
        """Store what opens and is new; return it, opened."""
        known = self._load_stored(epoch, [number for number, _ in sealed])
        opened: list[Opened] = []
        rows: list[dict[str, Any]] = []
        refused: dict[str, list[int]] = defaultdict(list)
        for sequence, data in sealed:
            if sequence not in known:
                try:
                    plaintext = epoch.key.open(sequence, data)
                except SealError:
                    refused[UNOPENABLE].append(sequence)
                    continue
                kind, record = self._read(epoch, sequence, plaintext)
                if record and self._is_too_late(record.stamp):
                    refused[RETIRED].append(sequence)
                    continue
                known[sequence] = data
                name = {"epoch": epoch.id, "sequence": sequence}
                rows.append(name | {"kind": kind, "sealed": data, "received_ms": self._now_ms})
                if record:
                    opened.append(Opened(epoch, sequence, record))
            elif known[sequence] != data:
                refused[CONFLICT].append(sequence)
                continue
            self.stored[epoch.kid].add(sequence)
        if rows:
            add_rows(self._connection, tables.record, rows)
            self._extend(epoch, {row["sequence"]: row["sealed"] for row in rows})
        for reason, sequences in refused.items():
            self._refuse(epoch, sequences, reason)
        return opened

    def _is_too_late(self, stamp: Stamp) -> bool:
        if self._member.retired_ms is not None and not stamp.quality:
            self._incidents.count("retired-hub-unsure", "a record by a clock that was not set")
        return self._member.is_refused(stamp)

    def _load_stored(self, epoch: Epoch, sequences: Sequence[int]) -> dict[int, bytes]:
        """Those of the sequences that are stored; behind the highest there is nothing to load."""
        extent = self._extents.find(epoch.kid)
        top = extent.top if extent else 0
        at = tables.record.c.sequence
        rows: dict[int, bytes] = {}
        for first, last in as_ranges(sequence for sequence in sequences if sequence <= top):
            stored = self._connection.execute(
                select(at, tables.record.c.sealed).where(
                    tables.record.c.epoch == epoch.id, at.between(first, last)
                )
            )
            rows |= dict(stored.all())
        return rows

    def _extend(self, epoch: Epoch, stored: Mapping[int, bytes]) -> None:
        extent = self._extents.enter(epoch.kid)
        top, is_ahead = extent.top, extent.known > extent.whole
        self._extents.store(epoch.kid, epoch.id, stored)
        self._machines.look_beyond(epoch.kid, top)
        if is_ahead:
            self.ahead.add(epoch.kid)

    def _read(self, epoch: Epoch, sequence: int, plaintext: bytes) -> tuple[int, Record | None]:
        try:
            record = decode(plaintext, epoch.start)
        except UnknownKind as error:
            self._incidents.count("record-of-later-version", f"kind {error.kind}")
            return error.kind, None
        except WireError as error:
            at = f"record {sequence} of epoch {epoch.kid.hex()}"
            self._incidents.count("record-unreadable", f"{at}: {error.what}")
            return UNREADABLE, None
        return kind_of(record), record

    def _refuse(self, epoch: Epoch, sequences: Sequence[int], reason: str) -> None:
        self.refused += (Refusal(epoch.kid, sequence, reason) for sequence in sequences)
        detail = f"record {sequences[-1]} of epoch {epoch.kid.hex()}"
        self._incidents.count(f"record-{reason}", detail, len(sequences))
