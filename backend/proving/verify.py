"""Does the ledger hold what was sealed, all of it, and once? Every record is opened again.

Names are made anew from the sealed records and compared; raw frames are decoded again. Nothing
here trusts what intake concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from backend import tables
from backend.completeness.rule import Fate
from backend.enrolment.membership import load_sign_keys
from backend.epochs import Epoch, Opener, make_epoch
from backend.naming import Name, as_measurement, identity_bytes, kind_of, reading_id
from backend.proving.facts import find_changed
from backend.proving.frames import find_fault, find_flags
from backend.proving.proof import Proof
from drivers.spi import Driver
from uplink.errors import SealError, UnknownKind, WireError
from uplink.keys import OpeningKey
from uplink.records import DeviceRecord, Record, decode
from uplink.statements import KeyRecord
from uplink.wire import Ranges


class Gap(NamedTuple):
    """Sequences that a hub has given out and the ledger has not got, both ends included."""

    hub: str
    kid: bytes
    first: int
    last: int
    fate: Fate


@dataclass(slots=True)
class Findings:
    """What is in the ledger, and what is wrong with it; `problems` names each one.

    `reading_ids` are made anew from the sealed records, failed measurements among them; `stored`
    has all records, ranges of sequences by kid; `implausible` what in a reading cannot be so, by
    its id in hex, which is no problem of the ledger's.
    """

    reading_ids: set[bytes] = field(default_factory=set)
    stored: dict[bytes, Ranges] = field(default_factory=dict)
    records: int = 0
    readings: int = 0
    failed_measurements: int = 0
    sightings: int = 0
    implausible: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    doubles: int = 0
    unopenable: int = 0
    undecodable: int = 0
    problems: list[str] = field(default_factory=list)


class Verifier:
    """Verifies the ledger as one connection sees it."""

    def __init__(
        self,
        connection: Connection,
        keys: Mapping[bytes, OpeningKey],
        drivers: Mapping[str, Driver],
    ) -> None:
        self._connection = connection
        self._opener = Opener(keys)
        self._drivers = drivers
        self._found = Findings()
        self._unverified: set[bytes] = set()

    def verify(self) -> Findings:
        """Open, decode and name everything again; nothing of a file that SQLite finds damaged."""
        self._check_file()
        if self._found.problems:
            return self._found
        for hub in self._connection.scalars(
            select(tables.hub.c.id).order_by(tables.hub.c.id)
        ).all():
            self._verify_hub(hub, load_sign_keys(self._connection, hub))
        self._find_doubles()
        self._found.problems += find_changed(self._connection)
        return self._found

    def _verify_hub(self, hub: str, sign_keys: Sequence[bytes]) -> None:
        key_records: list[KeyRecord] = []
        stored: dict[bytes, dict[int, bytes]] = {}
        epochs = self._connection.execute(
            select(tables.epoch).where(tables.epoch.c.hub == hub).order_by(tables.epoch.c.id)
        ).all()
        for row in epochs:
            where = f"hub {hub}, epoch {row.kid.hex()}"
            rows = self._load_records(row.id)
            stored[row.kid] = {sequence: sealed for sequence, _, sealed in rows}
            self._found.stored[row.kid] = _ranges(list(stored[row.kid]))
            self._found.records += len(rows)
            try:
                opened = self._opener.open(row.key_record, sign_keys)
            except (SealError, WireError) as error:
                self._found.unopenable += len(rows)
                self._found.problems.append(f"{where}: {error}")
                self._unverified.update(self._load_sightings(row.id).values())
            else:
                key_records.append(opened[0])
                self._verify_epoch(make_epoch(row.id, *opened), rows, where)
        proof = Proof(self._connection, hub, sign_keys, key_records, stored)
        self._found.gaps += (Gap(hub, *gap) for gap in proof.gaps)
        self._found.problems += proof.problems

    def _check_file(self) -> None:
        """What SQLite finds amiss in its pages and indexes; it knows no value from another."""
        if self._connection.dialect.name == "sqlite":
            said = self._connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            self._found.problems += (f"SQLite: {line}" for line in said if line != "ok")

    def _verify_epoch(
        self, epoch: Epoch, rows: Iterable[tuple[int, int, bytes]], where: str
    ) -> None:
        records = dict(self._open(epoch, rows, where))
        devices: dict[int, DeviceRecord] = {}
        for record in records.values():
            if isinstance(record, DeviceRecord):
                devices.setdefault(record.device, record)
        seen = self._load_sightings(epoch.id)
        self._unverified.update(seen[sequence] for sequence in seen.keys() - records.keys())
        for sequence, record in records.items():
            if measured := as_measurement(record):
                at = f"{where}, record {sequence}"
                device = devices.get(measured.device or 0)
                if device is None:
                    self._found.problems.append(f"{at}: waits for its device record")
                    continue
                name = Name(epoch.hub, epoch.kid, sequence)
                number = reading_id(identity_bytes(device.identity), name, measured)
                self._found.reading_ids.add(number)
                if seen.get(sequence) != number:
                    self._found.problems.append(f"{at}: the ledger knows its reading by another id")
                if flags := find_flags(measured):
                    self._found.implausible[number.hex()] = flags
                if fault := find_fault(measured, device, self._drivers):
                    self._found.undecodable += 1
                    self._found.problems.append(f"{at}: {fault}")

    def _open(
        self, epoch: Epoch, rows: Iterable[tuple[int, int, bytes]], where: str
    ) -> Iterator[tuple[int, Record]]:
        for sequence, kind, sealed in rows:
            try:
                plaintext = epoch.key.open(sequence, sealed)
            except SealError as error:
                self._found.unopenable += 1
                self._found.problems.append(f"{where}: {error}")
                continue
            try:
                record = decode(plaintext, epoch.start)
            except UnknownKind:
                continue  # of a later version, and kept for it
            except WireError as error:
                self._found.undecodable += 1
                self._found.problems.append(f"{where}, record {sequence}: {error}")
                continue
            if kind_of(record) != kind:
                self._found.problems.append(f"{where}, record {sequence}: kept as kind {kind}")
            yield sequence, record

    def _find_doubles(self) -> None:
        count = select(func.count()).select_from
        self._found.sightings = self._connection.scalars(count(tables.sighting)).one()
        vouched = self._found.reading_ids | self._unverified
        for number, failed in self._connection.execute(
            select(tables.reading.c.reading_id, tables.reading.c.failed)
        ):
            if failed:
                self._found.failed_measurements += 1
            else:
                self._found.readings += 1
            if number not in vouched:
                self._found.doubles += 1
                self._found.problems.append(f"reading {number.hex()}: no record bears its name")

    def _load_records(self, epoch: int) -> Sequence[tuple[int, int, bytes]]:
        rows = self._connection.execute(
            select(tables.record.c.sequence, tables.record.c.kind, tables.record.c.sealed)
            .where(tables.record.c.epoch == epoch)
            .order_by(tables.record.c.sequence)
        )
        return rows.all()

    def _load_sightings(self, epoch: int) -> dict[int, bytes]:
        rows = self._connection.execute(
            select(tables.sighting.c.sequence, tables.reading.c.reading_id)
            .join(tables.reading)
            .where(tables.sighting.c.epoch == epoch)
        )
        return dict(rows.all())


def _ranges(sequences: Sequence[int]) -> Ranges:
    """Sequences in order, as ranges with both ends included."""
    runs = groupby(enumerate(sequences), lambda each: each[1] - each[0])
    found = [[sequence for _, sequence in run] for _, run in runs]
    return [(run[0], run[-1]) for run in found]
