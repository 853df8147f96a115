"""Does the ledger hold what was sealed, all of it, and once? Every record is opened again.

Names are made anew from the sealed records and compared; raw frames are decoded again. Nothing
here trusts what intake concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from backend import ledger
from backend.epochs import Epoch, Opener, make_epoch
from backend.evidence import find_fault
from backend.membership import load_sign_keys
from backend.naming import Name, as_measurement, identity_bytes, kind_of, reading_id
from drivers.spi import Driver
from uplink.errors import SealError, UnknownKind, WireError
from uplink.keys import OpeningKey
from uplink.records import DeviceRecord, Record, decode


class Gap(NamedTuple):
    """Sequences that a hub has given out and the ledger has not got, both ends included."""

    hub: str
    kid: bytes
    first: int
    last: int


@dataclass(slots=True)
class Findings:
    """What is in the ledger, and what is wrong with it; `problems` names each one.

    `reading_ids` are made anew from the sealed records, failed measurements among them.
    """

    reading_ids: set[bytes] = field(default_factory=set)
    records: int = 0
    readings: int = 0
    failed_measurements: int = 0
    sightings: int = 0
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
        """Open, decode and name everything again."""
        last_known: dict[tuple[str, bytes], int] = {}
        stored: dict[tuple[str, bytes], list[int]] = {}
        epochs = self._connection.execute(
            select(ledger.epoch).order_by(ledger.epoch.c.hub, ledger.epoch.c.id)
        ).all()
        sign_keys = {
            hub: load_sign_keys(self._connection, hub) for hub in {row.hub for row in epochs}
        }
        for row in epochs:
            if row.previous_kid is not None:
                last_known[row.hub, row.previous_kid] = row.previous_last
            where = f"hub {row.hub}, epoch {row.kid.hex()}"
            rows = self._load_records(row.id)
            stored[row.hub, row.kid] = [sequence for sequence, _, _ in rows]
            self._found.records += len(rows)
            try:
                opened = self._opener.open(row.key_record, sign_keys[row.hub])
            except (SealError, WireError) as error:
                self._found.unopenable += len(rows)
                self._found.problems.append(f"{where}: {error}")
                self._unverified.update(self._load_sightings(row.id).values())
            else:
                self._verify_epoch(make_epoch(row.id, *opened), rows, where)
        for (hub, kid), last in last_known.items():
            sequences = stored.setdefault((hub, kid), [])
            sequences.append(last + 1)
        for (hub, kid), sequences in stored.items():
            self._find_gaps(hub, kid, sequences)
        self._find_doubles()
        return self._found

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

    def _find_gaps(self, hub: str, kid: bytes, sequences: Sequence[int]) -> None:
        before = 0
        for sequence in sorted(sequences):
            if sequence > before + 1:
                gap = Gap(hub, kid, before + 1, sequence - 1)
                self._found.gaps.append(gap)
                self._found.problems.append(
                    f"hub {hub}, epoch {kid.hex()}: {gap.first} to {gap.last} are missing"
                )
            before = max(before, sequence)

    def _find_doubles(self) -> None:
        count = select(func.count()).select_from
        self._found.sightings = self._connection.scalars(count(ledger.sighting)).one()
        vouched = self._found.reading_ids | self._unverified
        for number, failed in self._connection.execute(
            select(ledger.reading.c.reading_id, ledger.reading.c.failed)
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
            select(ledger.record.c.sequence, ledger.record.c.kind, ledger.record.c.sealed)
            .where(ledger.record.c.epoch == epoch)
            .order_by(ledger.record.c.sequence)
        )
        return rows.all()

    def _load_sightings(self, epoch: int) -> dict[int, bytes]:
        rows = self._connection.execute(
            select(ledger.sighting.c.sequence, ledger.reading.c.reading_id)
            .join(ledger.reading)
            .where(ledger.sighting.c.epoch == epoch)
        )
        return dict(rows.all())
