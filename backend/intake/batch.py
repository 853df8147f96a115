"""One message within its transaction: which epochs it is about, what is stored, what is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from backend import tables
from backend.completeness.checkpoints import Checkpoints
from backend.completeness.extents import Extents
from backend.completeness.machines import Machines
from backend.completeness.rule import Fate
from backend.completeness.wanted import ask, keep_gone
from backend.dating.judging import judge_again
from backend.dating.reach import concerned, overtaken
from backend.enrolment.membership import Member, note_receipt_keys
from backend.epochs import Epoch, Opened, Opener, make_epoch
from backend.incidents import Incidents
from backend.intake.parking import park, unpark
from backend.intake.records import Records
from backend.intake.sightings import add_facts
from backend.intake.stated import Stated, read_statements
from backend.ranges import as_ranges
from uplink.errors import SealError, WireError
from uplink.keys import DataKey
from uplink.statements import KeyRecord, Previous, Request
from uplink.wire import Message, Receipt, Run

REFUSALS = UNKNOWN = 500  # per receipt, which is no longer than a message; the rest comes again
_SEEN = (
    update(tables.hub).where(tables.hub.c.id == bindparam("of")).values(seen_ms=bindparam("now"))
)


class Batch:
    """One message of an enrolled hub. Nothing of it holds before the transaction is committed."""

    def __init__(self, connection: Connection, member: Member, opener: Opener, now_ms: int) -> None:
        hub = member.hub
        self.incidents = Incidents(connection, now_ms, hub)
        self.request: Request | None = None
        self._connection = connection
        self._hub = hub
        self._member = member
        self._opener = opener
        self._now_ms = now_ms
        self._unknown: dict[bytes, None] = {}
        self._wanted: dict[bytes, list[tuple[int, int]]] = {}
        self._checked: dict[bytes, int] = {}
        self._followed: list[tuple[bytes, Previous]] = []
        self._extents = Extents(connection, hub, now_ms)
        self._machines = Machines(connection, self._extents, self.incidents, hub)
        self._records = Records(
            connection,
            self._extents,
            self._machines,
            self.incidents,
            member=member,
            now_ms=now_ms,
        )

    def take(self, message: Message) -> None:
        """Store what is new, make its facts, and judge the readings that they touch."""
        if message.unknown:
            self.incidents.count("unknown-items", "items that are no run", message.unknown)
        runs = [item for item in message.items if isinstance(item, Run)]
        stated = read_statements(
            (item for item in message.items if isinstance(item, bytes)),
            self._hub,
            self._member.sign_keys,
            self.incidents,
        )
        for self.request in stated.requests:
            note_receipt_keys(self._connection, self._member, self.request.receipt_keys)
        begun, epochs = self._know(stated.key_records, {run.kid for run in runs})
        self._extents.load(stated.kids | epochs.keys() | _previous(stated))
        opened: list[Opened] = []
        for epoch in begun:
            opened += self._records.store(epoch, unpark(self._connection, self._hub, epoch.kid))
        for run in runs:
            if run.kid in epochs:
                opened += self._records.store(
                    epochs[run.kid], list(enumerate(run.sealed, run.first))
                )
            else:
                self._unknown[run.kid] = None
                if not park(self._connection, self._hub, run, self._now_ms):
                    self.incidents.count("parking-full", f"epoch {run.kid.hex()}")
        self._complete(stated, epochs, opened)

        touched = add_facts(self._connection, begun, opened)
        for conflict in touched.conflicts:
            self.incidents.count("device-conflict", conflict)
        placed = touched.placed
        causes = dict.fromkeys(overtaken(self._connection, placed.sightings), "delivery")
        causes |= dict.fromkeys(concerned(self._connection, placed.clocks), "clock")
        causes |= dict.fromkeys(placed.readings, "anchor")
        causes |= dict.fromkeys(touched.seen, "sighting")
        if causes:
            judge_again(self._connection, causes, self._now_ms, touched.new)
        self._connection.execute(_SEEN, {"of": self._hub, "now": self._now_ms})

    def receipt(self) -> Receipt | None:
        """What the hub may release once this is committed; None where there is nothing to say."""
        stored = {kid: as_ranges(sequences) for kid, sequences in self._records.stored.items()}
        refused, unknown = self._records.refused[:REFUSALS], list(self._unknown)[:UNKNOWN]
        told = (stored, refused, unknown, self._wanted, self._checked)
        return Receipt(self._hub, self._now_ms, *told) if any(told) else None

    def _complete(
        self,
        stated: Stated,
        epochs: Mapping[bytes, Epoch],
        opened: Sequence[Opened],
    ) -> None:
        """Note how far the epochs go by what came, and find what to ask the hub for."""
        for kid, before in self._followed:
            self._extents.know(before.kid, before.last_sequence, self._now_ms)
            self._machines.follow(kid, before.kid)
        self._machines.note(epochs.values(), opened)
        checkpoints = Checkpoints(
            self._connection, self._extents, self.incidents, self._hub, self._now_ms
        )
        checkpoints.compare_passed(self._records.ahead)
        self._checked = checkpoints.keep(stated.checkpoints)
        for one, signed in stated.gone:
            keep_gone(self._connection, self._extents, one, signed, self._now_ms)
        refused: dict[bytes, list[int]] = defaultdict(list)
        for kid, sequence, _ in self._records.refused:
            refused[kid].append(sequence)
        for kid, sequences in refused.items():
            self._extents.give_up(kid, as_ranges(sequences), Fate.REFUSED)
        self._extents.save()
        wanted = ask(self._connection, self._hub, self._now_ms)
        self._wanted = wanted.ranges
        self._unknown |= dict.fromkeys(wanted.unknown)
        # A hub that thinks that a checkpoint is here, which is not, learns it with what is asked.
        asked = {*wanted.ranges, *(before.kid for _, before in self._followed)}
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
            select(tables.epoch.c.id, tables.epoch.c.kid, tables.epoch.c.key_record).where(
                tables.epoch.c.hub == self._hub, tables.epoch.c.kid.in_(kids | sent.keys())
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
            "previous_clean": record.previous and record.previous.closed_cleanly,
        }
        if record.previous:
            self._followed.append((record.kid, record.previous))
        entered = insert(tables.epoch).values(row).returning(tables.epoch.c.id)
        number = self._connection.execute(entered).scalar_one()
        return make_epoch(number, record, self._opener.open(data, self._member.sign_keys)[1])


def _previous(stated: Stated) -> set[bytes]:
    """The epochs that the key records name as the ones before."""
    return {record.previous.kid for record, _ in stated.key_records if record.previous}
