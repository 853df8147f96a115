"""The next rows of the feed, opened and put into lines for a sink."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from backend import tables
from backend.dating.judge import Interval, Judgement, Method
from backend.enrolment.membership import load_sign_keys
from backend.epochs import Epoch, Opener, make_epoch
from backend.errors import ReadingUnopenable
from backend.naming import Name, as_measurement, identity_bytes
from backend.patients.days import Measured
from backend.relay.lines import Told, make_line
from backend.relay.patients import Patients
from backend.relay.sinks import BYTES, READINGS, Page
from uplink.errors import SealError, WireError
from uplink.keys import OpeningKey
from uplink.records import DeviceRecord, Kind, Record, decode


class Pages:
    """Opens the feed of a ledger with the backend's private keys."""

    def __init__(self, keys: Mapping[bytes, OpeningKey]) -> None:
        self._opener = Opener(keys)

    def load(self, connection: Connection, cursor: int) -> Page | None:
        """What follows that cursor; None where nothing does. Raises ReadingUnopenable."""
        rows = _load_rows(connection, cursor)
        lines: list[bytes] = []
        size = 0
        records: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        patients = Patients(connection, {row.device for row in rows})
        for told in self._open(connection, rows):
            line = msgspec.json.encode(make_line(told, *patients.find(told.measured)))
            size += len(line)
            if lines and size > BYTES:
                break
            lines.append(line)
            records[told.name.kid].append((told.name.sequence, told.name.sequence))
        if not lines:
            return None
        return Page(rows[0].cursor, rows[len(lines) - 1].cursor, lines, records)

    def _open(self, connection: Connection, rows: Iterable[Row[Any]]) -> Iterator[Told]:
        first_seen = _load_first_seen(connection, [row.id for row in rows])
        epochs = {seen.epoch for seen in first_seen.values()}
        key_records = _load_key_records(connection, epochs)
        device_records = _load_device_records(connection, epochs)
        devices: dict[tuple[int, int | None, bytes], DeviceRecord] = {}
        for row in rows:
            seen = first_seen[row.id]
            try:
                record, key = self._opener.open(*key_records[seen.epoch])
                epoch = make_epoch(seen.epoch, record, key)
                measured = as_measurement(_open_record(epoch, seen))
                assert measured, "a sighting is of a measurement"
                key_of = (seen.epoch, measured.device, row.identity)
                if key_of not in devices:
                    devices[key_of] = _find_device(epoch, device_records[seen.epoch], *key_of[1:])
            except (SealError, WireError) as error:
                raise ReadingUnopenable(row.reading_id, str(error)) from error
            yield Told(
                row.cursor,
                row.revision,
                _measured(row, seen.received_ms),
                Name(epoch.hub, epoch.kid, seen.sequence),
                measured,
                devices[key_of],
            )


def _measured(row: Row[Any], received_ms: int) -> Measured:
    intervals = tuple(Interval(*pair) for pair in row.candidates)
    judged = Judgement(Method(row.method), intervals, row.reason)
    return Measured(row.reading_id, row.device, row.slot, row.failed, judged, received_ms)


def _load_rows(connection: Connection, cursor: int) -> Sequence[Row[Any]]:
    """Rows of the feed with reading, device and the judgement that they tell of."""
    feed, judgement = tables.feed, tables.judgement
    judged = (judgement.c.reading == feed.c.reading) & (judgement.c.n == feed.c.n)
    return connection.execute(
        select(feed.c.cursor, feed.c.revision, tables.reading, tables.device.c.identity)
        .add_columns(judgement.c.method, judgement.c.candidates, judgement.c.reason)
        .join(tables.reading, tables.reading.c.id == feed.c.reading)
        .join(tables.device, tables.device.c.id == tables.reading.c.device)
        .join(judgement, judged)
        .where(feed.c.cursor > cursor)
        .order_by(feed.c.cursor)
        .limit(READINGS)
    ).all()


def _load_first_seen(connection: Connection, readings: Sequence[int]) -> dict[int, Row[Any]]:
    """The record that each reading came with first: a later one never takes its place."""
    sighting, record = tables.sighting, tables.record
    same = (record.c.epoch == sighting.c.epoch) & (record.c.sequence == sighting.c.sequence)
    rows = connection.execute(
        select(sighting.c.reading, record)
        .join(record, same)
        .where(sighting.c.reading.in_(readings), sighting.c.nth == 1)
        .order_by(record.c.received_ms.desc(), record.c.epoch.desc(), record.c.sequence.desc())
    )
    return {row.reading: row for row in rows}


def _load_key_records(
    connection: Connection, epochs: Iterable[int]
) -> dict[int, tuple[bytes, Sequence[bytes]]]:
    """The key record of each epoch, with the keys by which its hub signs."""
    rows = connection.execute(
        select(tables.epoch.c.id, tables.epoch.c.key_record, tables.epoch.c.hub).where(
            tables.epoch.c.id.in_(epochs)
        )
    ).all()
    sign_keys = {hub: load_sign_keys(connection, hub) for hub in {row.hub for row in rows}}
    return {number: (key_record, sign_keys[hub]) for number, key_record, hub in rows}


def _load_device_records(
    connection: Connection, epochs: Iterable[int]
) -> dict[int, list[Row[Any]]]:
    record = tables.record
    of_epoch: dict[int, list[Row[Any]]] = defaultdict(list)
    where = (record.c.epoch.in_(epochs), record.c.kind == Kind.DEVICE)
    for row in connection.execute(select(record).where(*where).order_by(record.c.sequence)):
        of_epoch[row.epoch].append(row)
    return of_epoch


def _find_device(
    epoch: Epoch, rows: Iterable[Row[Any]], number: int | None, identity: bytes
) -> DeviceRecord:
    """The device record of that number; of two that contradict, the one the ledger went by."""
    for row in rows:
        match _open_record(epoch, row):
            case DeviceRecord(device=n) as found if n == number:
                if identity_bytes(found.identity) == identity:
                    return found
    raise WireError("its device record: found none")


def _open_record(epoch: Epoch, row: Row[Any]) -> Record:
    return decode(epoch.key.open(row.sequence, row.sealed), epoch.start)
