"""One message within its transaction: which epochs it is about, what is stored, what is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from backend import ledger
from backend.checkpoints import Checkpoints
from backend.completeness import Fate
from backend.epochs import Epoch, Opened, Opener, make_epoch
from backend.extents import Extents
from backend.facts import add_facts
from backend.incidents import Incidents
from backend.judging import judge_again
from backend.machines import Machines
from backend.naming import kind_of
from backend.parking import park, unpark
from backend.ranges import as_ranges
from backend.reach import concerned, overtaken
from backend.stated import Stated, read_statements
from backend.wanted import ask, keep_gone
from uplink.errors import SealError, UnknownKind, WireError
from uplink.keys import DataKey
from uplink.records import Record, decode
from uplink.statements import KeyRecord
from uplink.wire import Message, Receipt, Refusal, Run

CONFLICT = "conflict"
UNOPENABLE = "unopenable"
REFUSALS = UNKNOWN = 500  # per receipt, which is no longer than a message; the rest comes again
UNREADABLE = 0  # the kind of a record that opens and is none: authentic, so kept


class Batch:
    """One message of an enrolled hub. Nothing of it holds before the transaction is committed."""

    def __init__(
        self, connection: Connection, hub: str, sign_key: bytes, opener: Opener, now_ms: int
    ) -> None:
        self.incidents = Incidents(connection, now_ms, hub)
        self._connection = connection
        self._hub = hub
        self._sign_key = sign_key
        self._opener = opener
        self._now_ms = now_ms
        self._stored: dict[bytes, set[int]] = defaultdict(set)
        self._refused: list[Refusal] = []
        self._unknown: dict[bytes, None] = {}
        self._wanted: dict[bytes, list[tuple[int, int]]] = {}
        self._checked: dict[bytes, int] = {}
        self._ahead: set[bytes] = set()
        self._extents = Extents(connection, hub, now_ms)
        self._machines = Machines(connection, self._extents, self.incidents, hub)

    def take(self, message: Message) -> None:
        """Store what is new, make its facts, and judge the readings that they touch."""
        if message.unknown:
            self.incidents.count("unknown-items", "items that are no run", message.unknown)
        runs = [item for item in message.items if isinstance(item, Run)]
        stated = read_statements(
            (item for item in message.items if isinstance(item, bytes)),
            self._hub,
            [self._sign_key],
            self.incidents,
        )
        begun, epochs = self._know(stated.key_records, {run.kid for run in runs})
        self._extents.load(stated.kids | epochs.keys() | _previous(stated))
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
        self._complete(stated, begun, epochs, opened)

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
        said = (self._stored, self._refused, self._unknown, self._wanted, self._checked)
        if not any(said):
            return None
        stored = {kid: as_ranges(sequences) for kid, sequences in self._stored.items()}
        unknown = list(self._unknown)
        refused, unknown = self._refused[:REFUSALS], unknown[:UNKNOWN]
        told = (stored, refused, unknown, self._wanted, self._checked)
        return Receipt(self._hub, self._now_ms, *told)

    def _complete(
        self,
        stated: Stated,
        begun: Iterable[Epoch],
        epochs: Mapping[bytes, Epoch],
        opened: Sequence[Opened],
    ) -> None:
        """Note how far the epochs go by what came, and find what to ask the hub for."""
        previous = {record.kid: record.previous for record, _ in stated.key_records}
        for epoch in begun:
            if before := previous[epoch.kid]:
                self._extents.know(before.kid, before.last_sequence, self._now_ms)
                self._machines.follow(epoch.kid, before.kid)
        self._machines.note(epochs.values(), opened)
        checkpoints = Checkpoints(
            self._connection, self._extents, self.incidents, self._hub, self._now_ms
        )
        checkpoints.compare_passed(self._ahead)
        self._checked = checkpoints.keep(stated.checkpoints)
        for one, signed in stated.gone:
            keep_gone(self._connection, self._extents, one, signed, self._now_ms)
        for kid, sequence, _ in self._refused:
            self._extents.give_up(kid, [(sequence, sequence)], Fate.REFUSED)
        self._extents.save()
        wanted = ask(self._connection, self._hub, self._now_ms)
        self._wanted = wanted.ranges
        self._unknown |= dict.fromkeys(wanted.unknown)
        # A hub that thinks that a checkpoint is here, which is not, learns it with what is asked.
        asked = {*wanted.ranges, *(before.kid for before in previous.values() if before)}
        self._checked = checkpoints.newest(asked - self._checked.keys()) | self._checked

    def _know(
        self, key_records: Iterable[tuple[KeyRecord, bytes]], kids: set[bytes]
    ) -> tuple[list[Epoch], dict[bytes, Epoch]]:
        """The epochs that begin with these key records, and all that the message is about."""
        sent: dict[bytes, tuple[KeyRecord, bytes]] = {}
        for record, data in key_records:
            if self._open(data) and sent.setdefault(record.kid, (record, data))[1] != data:
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

    def _open(self, key_record: bytes) -> tuple[KeyRecord, DataKey] | None:
        try:
            return self._opener.open(key_record, self._sign_key)
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
            "previous_clean": record.previous and record.previous.closed_cleanly,
        }
        entered = insert(ledger.epoch).values(row).returning(ledger.epoch.c.id)
        number = self._connection.execute(entered).scalar_one()
        return make_epoch(number, record, self._opener.open(data, self._sign_key)[1])

    def _store(self, epoch: Epoch, sealed: Sequence[tuple[int, bytes]]) -> list[Opened]:
        """Store what opens and is new; return it, opened."""
        table = ledger.record
        known = self._load_stored(epoch, [number for number, _ in sealed])
        opened: list[Opened] = []
        rows: list[dict[str, Any]] = []
        unopenable: list[int] = []
        conflicting: list[int] = []
        for sequence, data in sealed:
            if sequence not in known:
                try:
                    plaintext = epoch.key.open(sequence, data)
                except SealError:
                    unopenable.append(sequence)
                    continue
                known[sequence] = data
                kind, record = self._read(epoch, sequence, plaintext)
                name = {"epoch": epoch.id, "sequence": sequence}
                rows.append(name | {"kind": kind, "sealed": data, "received_ms": self._now_ms})
                if record:
                    opened.append(Opened(epoch, sequence, record))
            elif known[sequence] != data:
                conflicting.append(sequence)
                continue
            self._stored[epoch.kid].add(sequence)
        if rows:
            self._connection.execute(insert(table), rows)
            self._extend(epoch, {row["sequence"]: row["sealed"] for row in rows})
        self._refuse(epoch, unopenable, UNOPENABLE)
        self._refuse(epoch, conflicting, CONFLICT)
        return opened

    def _load_stored(self, epoch: Epoch, sequences: Sequence[int]) -> dict[int, bytes]:
        """Those of the sequences that are stored; behind the highest there is nothing to load."""
        extent = self._extents.find(epoch.kid)
        top = extent.top if extent else 0
        at = ledger.record.c.sequence
        rows: dict[int, bytes] = {}
        for first, last in as_ranges(sequence for sequence in sequences if sequence <= top):
            stored = self._connection.execute(
                select(at, ledger.record.c.sealed).where(
                    ledger.record.c.epoch == epoch.id, at.between(first, last)
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
            self._ahead.add(epoch.kid)

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

    def _refuse(self, epoch: Epoch, sequences: Sequence[int], reason: str) -> None:
        if sequences:
            self._refused += (Refusal(epoch.kid, sequence, reason) for sequence in sequences)
            detail = f"record {sequences[-1]} of epoch {epoch.kid.hex()}"
            self.incidents.count(f"record-{reason}", detail, len(sequences))


def _previous(stated: Stated) -> set[bytes]:
    """The epochs that the key records name as the ones before."""
    return {record.previous.kid for record, _ in stated.key_records if record.previous}
