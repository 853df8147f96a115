"""A new ledger from a package, on a machine that has nothing else.

Every signature is verified, every record opened, named, placed and judged by the code by which the
backend takes what a hub sends. Only what a record says counts: nothing that the package concludes
is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, insert, select

from backend import tables
from backend.dating.judging import judge_again
from backend.epochs import Epoch, Opened, Opener, make_epoch
from backend.evidence_package.asked import Judging
from backend.evidence_package.lines import DataKeyLine, HubLine, SignedLine
from backend.evidence_package.parts import Parts
from backend.intake.sightings import add_facts
from backend.naming import as_measurement, kind_of
from backend.proving.frames import find_fault
from drivers.spi import Driver
from uplink.errors import SealError, WireError
from uplink.keys import DataKey
from uplink.records import DeviceRecord, decode
from uplink.seal import verify_statement
from uplink.statements import Checkpoint, Gone, KeyRecord, Statement

CAUSE = "evidence"
_AT_ONCE = 1_000


class GivenKeys:
    """The data keys that a package holds, in the place of the backend's private key."""

    def __init__(self, lines: Iterable[DataKeyLine]) -> None:
        self._keys = {bytes.fromhex(line.kid): line.key for line in lines}

    def open_key(self, record: KeyRecord) -> DataKey:
        """The data key of the epoch. Raises SealError where it is not in the package."""
        return DataKey(record.hub, record.kid, self.reveal(record), record.base_iv)

    def reveal(self, record: KeyRecord) -> bytes:
        """The same key as its bytes."""
        if record.kid not in self._keys:
            raise SealError("the package has no key of this epoch", record.kid)
        return self._keys[record.kid]


class Refill:
    """Fills an empty ledger; `problems` names everything that did not hold."""

    def __init__(
        self, connection: Connection, parts: Parts, judging: Judging, drivers: Mapping[str, Driver]
    ) -> None:
        self.problems: list[str] = []
        self._keys = GivenKeys(parts.data_keys)
        self._connection = connection
        self._parts = parts
        self._judging = judging
        self._drivers = drivers
        self._backend_keys: set[bytes] = set()
        self._sign_keys = {line.id: line.sign_keys for line in parts.hubs}

    @property
    def opener(self) -> Opener:
        """What opens the epochs whose keys the package has, whichever key they were sealed to."""
        return Opener(dict.fromkeys(self._backend_keys, self._keys))

    def fill(self) -> None:
        """Enter people and hubs, then take what the hubs sealed and signed."""
        for table in (*self._parts.people, *self._judging.tables):
            if rows := self._parts.rows[table.name]:
                self._connection.execute(insert(table), rows)
        for hub in self._parts.hubs:
            self._enter_hub(hub)
        epochs = dict(self._begin_epochs())
        self._take_records(epochs)
        for line in self._parts.checkpoints:
            self._take_checkpoint(line)
        for line in self._parts.gone:
            self._take_gone(line)

    def _enter_hub(self, line: HubLine) -> None:
        first, *later = line.sign_keys
        ends = {"retired_ms": line.retired_ms, "revoked_ms": line.revoked_ms}
        row = {"id": line.id, "sign_key": first, "certificate": "", "enrolled_ms": line.enrolled_ms}
        self._connection.execute(insert(tables.hub).values(row | ends))
        for number, key in enumerate(later):
            row = {"hub": line.id, "sign_key": key, "added_ms": number}
            self._connection.execute(insert(tables.hub_key).values(row))

    def _begin_epochs(self) -> Iterator[tuple[bytes, Epoch]]:
        """Every epoch that a hub signed; those without a key here tell their start alone."""
        for line in self._parts.key_records:
            record = self._verify(line, KeyRecord)
            if record is None:
                continue
            self._backend_keys.add(record.backend_key)
            before = record.previous
            row = {
                "hub": line.hub,
                "kid": record.kid,
                "key_record": line.signed,
                "received_ms": line.received_ms,
                "previous_kid": before and before.kid,
                "previous_last": before and before.last_sequence,
                "previous_clean": before and before.closed_cleanly,
            }
            entered = insert(tables.epoch).values(row).returning(tables.epoch.c.id)
            number = self._connection.execute(entered).scalar_one()
            try:
                key = self._keys.open_key(record)
            except SealError:
                key = DataKey(record.hub, record.kid, bytes(32), record.base_iv)
            yield record.kid, make_epoch(number, record, key)

    def _take_records(self, epochs: Mapping[bytes, Epoch]) -> None:
        opened, received = [], {}
        for line in self._parts.records:
            kid = bytes.fromhex(line.kid)
            epoch = epochs.get(kid)
            if epoch is None:
                self._complain(kid, f"record {line.sequence} has no key record")
                continue
            try:
                record = decode(epoch.key.open(line.sequence, line.sealed), epoch.start)
            except (SealError, WireError) as error:
                self._complain(kid, f"record {line.sequence}: {error}")
                continue
            name = {"epoch": epoch.id, "sequence": line.sequence}
            row = name | {"kind": kind_of(record), "sealed": line.sealed}
            row["received_ms"] = line.received_ms
            self._connection.execute(insert(tables.record).values(row))
            opened.append(Opened(epoch, line.sequence, record))
            received[epoch.id, line.sequence] = line.received_ms
        self._decode_again(opened)
        begun: Sequence[Epoch] = list(epochs.values())
        for first in range(0, max(1, len(opened)), _AT_ONCE):
            add_facts(self._connection, begun, opened[first : first + _AT_ONCE])
            begun = ()
        self._judge(received)

    def _decode_again(self, opened: Iterable[Opened]) -> None:
        """Name each record whose frames, decoded again, do not say what it says."""
        devices: dict[tuple[int, int], DeviceRecord] = {}
        measured = []
        for of in opened:
            if isinstance(of.record, DeviceRecord):
                devices.setdefault((of.epoch.id, of.record.device), of.record)
            if one := as_measurement(of.record):
                measured.append((of, one))
        for of, one in measured:
            device = devices.get((of.epoch.id, one.device or 0))
            fault = find_fault(one, device, self._drivers) if device else "it has no device record"
            if fault:
                self._complain(of.epoch.kid, f"record {of.sequence}: {fault}")

    def _judge(self, received: Mapping[tuple[int, int], int]) -> None:
        """Judge every reading, dated by its first record as when it came."""
        table = tables.sighting
        rows = self._connection.execute(select(table.c.reading, table.c.epoch, table.c.sequence))
        came: dict[int, int] = {}
        for reading, *key in rows:
            at = received[key[0], key[1]]
            came[reading] = min(at, came.get(reading, at))
        in_order = sorted(came, key=lambda reading: (came[reading], reading))
        for at_ms, readings in groupby(in_order, key=came.__getitem__):
            judge_again(self._connection, dict.fromkeys(readings, CAUSE), at_ms)

    def _take_checkpoint(self, line: SignedLine) -> None:
        if one := self._verify(line, Checkpoint):
            row = {
                "hub": line.hub,
                "kid": one.kid,
                "last": one.last_sequence,
                "ending": one.ending,
                "utc_ms": one.utc_ms,
                "chain": one.chain,
                "previous_kid": one.previous_kid,
                "signed": line.signed,
                "received_ms": line.received_ms,
            }
            self._connection.execute(insert(tables.checkpoint).values(row))

    def _take_gone(self, line: SignedLine) -> None:
        if one := self._verify(line, Gone):
            row = {"signed": line.signed, "received_ms": line.received_ms}
            statement = insert(tables.gone_statement).values(row)
            number = self._connection.execute(
                statement.returning(tables.gone_statement.c.id)
            ).scalar_one()
            for kid, ranges in one.ranges.items():
                for first, last in ranges:
                    gone = {"hub": line.hub, "kid": kid, "first": first, "last": last}
                    self._connection.execute(
                        insert(tables.gone).values(gone | {"statement": number})
                    )

    def _verify(self, line: SignedLine, kind: type[Any]) -> Any:
        """The statement, if the hub that is named signed it and it is of that kind."""
        found: Statement | None = None
        try:
            found = verify_statement(line.signed, self._sign_keys.get(line.hub, ()))
        except (SealError, WireError) as error:
            self.problems.append(f"hub {line.hub}: a {kind.__name__} does not hold: {error}")
            return None
        if not isinstance(found, kind) or found.hub != line.hub:
            self.problems.append(f"hub {line.hub}: something else where a {kind.__name__} belongs")
            return None
        return found

    def _complain(self, kid: bytes, what: str) -> None:
        self.problems.append(f"epoch {kid.hex()}: {what}")
