"""One message within its transaction: which epochs it is about, what is stored, what is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from backend import ledger
from backend.epochs import Epoch, Opened, Opener, make_epoch
from backend.facts import add_facts
from backend.incidents import Incidents
from backend.judging import judge_again
from backend.membership import RETIRED, Member, note_receipt_keys
from backend.naming import kind_of
from backend.parking import park, unpark
from backend.reach import concerned, overtaken
from uplink.errors import SealError, UnknownKind, WireError
from uplink.keys import DataKey
from uplink.records import Record, Stamp, decode
from uplink.seal import verify_statement
from uplink.statements import KeyRecord, Request
from uplink.wire import Message, Receipt, Refusal, Run

CONFLICT = "conflict"
UNOPENABLE = "unopenable"
UNREADABLE = 0  # the kind of a record that opens and is none: authentic, so kept


class Batch:
    """One message of an enrolled hub. Nothing of it holds before the transaction is committed."""

    def __init__(self, connection: Connection, member: Member, opener: Opener, now_ms: int) -> None:
        self.incidents = Incidents(connection, now_ms, member.hub)
        self.request: Request | None = None
        self._connection = connection
        self._hub = member.hub
        self._member = member
        self._opener = opener
        self._now_ms = now_ms
        self._stored: dict[bytes, set[int]] = defaultdict(set)
        self._refused: list[Refusal] = []
        self._unknown: dict[bytes, None] = {}

    def take(self, message: Message) -> None:
        """Store what is new, make its facts, and judge the readings that they touch."""
        if message.unknown:
            self.incidents.count("unknown-items", "items that are no run", message.unknown)
        runs = [item for item in message.items if isinstance(item, Run)]
        statements = [item for item in message.items if isinstance(item, bytes)]
        begun, epochs = self._know(
            [data for data in statements if not self._is_request(data)], {run.kid for run in runs}
        )
        opened: list[Opened] = []
        for epoch in begun:
            opened += self._store(epoch, unpark(self._connection, self._hub, epoch.kid))
        for run in runs:
            if run.kid in epochs:
                opened += self._store(epochs[run.kid], list(enumerate(run.sealed, run.first)))
            else:
                self._unknown[run.kid] = None
                if not park(self._connection, self._hub, run, self._now_ms):
                    self.incidents.count("parking-full", f"epoch {run.kid.hex()}")

        touched = add_facts(self._connection, begun, opened)
        for conflict in touched.conflicts:
            self.incidents.count("device-conflict", conflict)
        placed = touched.placed
        causes = dict.fromkeys(overtaken(self._connection, placed.sightings), "delivery")
        causes |= dict.fromkeys(concerned(self._connection, placed.clocks), "clock")
        causes |= dict.fromkeys(placed.readings, "anchor")
        causes |= dict.fromkeys(touched.seen, "sighting")
        if causes:
            judge_again(self._connection, causes, self._now_ms)
        self._connection.execute(
            update(ledger.hub).where(ledger.hub.c.id == self._hub).values(seen_ms=self._now_ms)
        )

    def receipt(self) -> Receipt | None:
        """What the hub may release once this is committed; None where there is nothing to say."""
        if not (self._stored or self._refused or self._unknown):
            return None
        stored = {kid: _ranges(sequences) for kid, sequences in self._stored.items()}
        return Receipt(self._hub, self._now_ms, stored, self._refused, list(self._unknown))

    def _know(
        self, key_records: Iterable[bytes], kids: set[bytes]
    ) -> tuple[list[Epoch], dict[bytes, Epoch]]:
        """The epochs that begin with these key records, and all that the message is about."""
        sent: dict[bytes, tuple[KeyRecord, bytes]] = {}
        for record, data in self._verify(key_records):
            if sent.setdefault(record.kid, (record, data))[1] != data:
                self._count_conflict(record.kid)
        rows = self._connection.execute(
            select(ledger.epoch.c.id, ledger.epoch.c.kid, ledger.epoch.c.key_record).where(
                ledger.epoch.c.hub == self._hub, ledger.epoch.c.kid.in_(kids | sent.keys())
            )
        ).all()
        epochs: dict[bytes, Epoch] = {}
        for number, kid, data in rows:
            if sent.pop(kid, (None, data))[1] != data:
                self._count_conflict(kid)
            if opened := self._open(data):
                epochs[kid] = make_epoch(number, *opened)
        begun = [self._begin(record, data) for record, data in sent.values()]
        return begun, epochs | {epoch.kid: epoch for epoch in begun}

    def _verify(self, key_records: Iterable[bytes]) -> Iterator[tuple[KeyRecord, bytes]]:
        for data in key_records:
            if opened := self._open(data):
                record, _ = opened
                if record.hub == self._hub:
                    yield record, data
                else:
                    self.incidents.count("key-record-of-another-hub", f"it names {record.hub}")

    def _is_request(self, data: bytes) -> bool:
        try:
            statement = verify_statement(data, self._member.sign_keys)
        except (SealError, WireError):
            return False  # what it is, opening it as a key record tells
        if not isinstance(statement, Request):
            return False
        if statement.hub == self._hub:
            self.request = statement
            note_receipt_keys(self._connection, self._member, statement.receipt_keys)
        else:
            self.incidents.count("request-of-another-hub", f"it names {statement.hub}")
        return True

    def _open(self, key_record: bytes) -> tuple[KeyRecord, DataKey] | None:
        try:
            return self._opener.open(key_record, self._member.sign_keys)
        except (SealError, WireError) as error:
            self.incidents.count("key-record-refused", str(error))
            return None

    def _count_conflict(self, kid: bytes) -> None:
        self.incidents.count("key-record-conflict", f"epoch {kid.hex()}")

    def _begin(self, record: KeyRecord, data: bytes) -> Epoch:
        row = {
            "hub": self._hub,
            "kid": record.kid,
            "key_record": data,
            "received_ms": self._now_ms,
            "previous_kid": record.previous and record.previous.kid,
            "previous_last": record.previous and record.previous.last_sequence,
        }
        entered = insert(ledger.epoch).values(row).returning(ledger.epoch.c.id)
        number = self._connection.execute(entered).scalar_one()
        return make_epoch(number, record, self._opener.open(data, self._member.sign_keys)[1])

    def _store(self, epoch: Epoch, sealed: Sequence[tuple[int, bytes]]) -> list[Opened]:
        """Store what opens and is new; return it, opened."""
        table = ledger.record
        stored = self._connection.execute(
            select(table.c.sequence, table.c.sealed).where(
                table.c.epoch == epoch.id, table.c.sequence.in_([number for number, _ in sealed])
            )
        )
        known: dict[int, bytes] = dict(stored.all())
        opened: list[Opened] = []
        rows: list[dict[str, Any]] = []
        for sequence, data in sealed:
            if sequence not in known:
                try:
                    plaintext = epoch.key.open(sequence, data)
                except SealError:
                    self._refuse(epoch, sequence, UNOPENABLE)
                    continue
                kind, record = self._read(epoch, sequence, plaintext)
                if record and self._is_too_late(record.stamp):
                    self._refuse(epoch, sequence, RETIRED)
                    continue
                known[sequence] = data
                name = {"epoch": epoch.id, "sequence": sequence}
                rows.append(name | {"kind": kind, "sealed": data, "received_ms": self._now_ms})
                if record:
                    opened.append(Opened(epoch, sequence, record))
            elif known[sequence] != data:
                self._refuse(epoch, sequence, CONFLICT)
                continue
            self._stored[epoch.kid].add(sequence)
        if rows:
            self._connection.execute(insert(table), rows)
        return opened

    def _is_too_late(self, stamp: Stamp) -> bool:
        if self._member.retired_ms is not None and not stamp.quality:
            self.incidents.count("retired-hub-unsure", "a record by a clock that was not set")
        return self._member.is_refused(stamp)

    def _read(self, epoch: Epoch, sequence: int, plaintext: bytes) -> tuple[int, Record | None]:
        try:
            record = decode(plaintext, epoch.start)
        except UnknownKind as error:
            self.incidents.count("record-of-later-version", f"kind {error.kind}")
            return error.kind, None
        except WireError as error:
            at = f"record {sequence} of epoch {epoch.kid.hex()}"
            self.incidents.count("record-unreadable", f"{at}: {error.what}")
            return UNREADABLE, None
        return kind_of(record), record

    def _refuse(self, epoch: Epoch, sequence: int, reason: str) -> None:
        self._refused.append(Refusal(epoch.kid, sequence, reason))
        self.incidents.count(f"record-{reason}", f"record {sequence} of epoch {epoch.kid.hex()}")


def _ranges(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """The sequences as ranges, both ends included."""
    ranges: list[tuple[int, int]] = []
    for sequence in sorted(sequences):
        if ranges and ranges[-1][1] == sequence - 1:
            ranges[-1] = (ranges[-1][0], sequence)
        else:
            ranges.append((sequence, sequence))
    return ranges
