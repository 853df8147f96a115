"""What a record tells of, and the name that makes a reading count once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from uplink.cbor import dump, load
from uplink.errors import WireError
from uplink.records import (
    ClockRecord,
    DeviceRecord,
    EventRecord,
    Kind,
    ReadingRecord,
    Record,
    SeriesRecord,
)

FAILED = "measurement-failed"
CLOCK_READ = "clock-read"
CLOCK_SET = "clock-set"
USER = "user_id"
LONGEST_IDENTITY = 4096

_KINDS: Mapping[type[Record], Kind] = {
    ReadingRecord: Kind.READING,
    SeriesRecord: Kind.SERIES,
    DeviceRecord: Kind.DEVICE,
    ClockRecord: Kind.CLOCK,
    EventRecord: Kind.EVENT,
}


Measurement = ReadingRecord | SeriesRecord | EventRecord
"""One act of measuring: a reading, a stretch of a stream, or what the device says has failed."""


class Name(NamedTuple):
    """(hub, kid, sequence): the name of a record."""

    hub: str
    kid: bytes
    sequence: int


def identity_bytes(identity: tuple[str, str, str] | bytes) -> bytes:
    """A device as it names readings: CBOR [maker, model, serial], or the random id."""
    return identity if isinstance(identity, bytes) else dump(list(identity))


def identity_of(identity: bytes) -> tuple[str, str, str] | bytes:
    """The same back again. A random id is no CBOR of three texts but by a chance of nothing."""
    try:
        found = load(identity, "a device", LONGEST_IDENTITY)
    except WireError:
        return identity
    match found:
        case [str(maker), str(model), str(serial)]:
            return maker, model, serial
    return identity


def reading_id(identity: bytes, name: Name, record: Measurement) -> bytes:
    """16 bytes of SHA-256 over the device and the measurement frame.

    A frame with neither a device time nor a record number repeats, and a stretch of a stream has
    neither: there the record names it.
    """
    naming = dump(list(name))
    if not isinstance(record, SeriesRecord) and record.raw:
        is_numbered = isinstance(record, ReadingRecord) and record.record_number is not None
        if record.device_time is not None or is_numbered:
            naming = record.raw[0][1]
    return sha256(identity + naming).digest()[:16]


def kind_of(record: Record) -> Kind:
    """The kind under which the ledger keeps it."""
    return _KINDS[type(record)]


def as_measurement(record: Record) -> Measurement | None:
    """The record, if it is one act of measuring of a device, failed or not."""
    if isinstance(record, ReadingRecord | SeriesRecord):
        return record
    if isinstance(record, EventRecord) and record.name == FAILED and record.device is not None:
        return record
    return None


def as_clock_fact(record: Record) -> EventRecord | None:
    """The record, if it says what a device's clock showed, or what it was set to."""
    if not isinstance(record, EventRecord) or record.name not in {CLOCK_READ, CLOCK_SET}:
        return None
    return None if record.device is None or record.device_time is None else record


def told_time(record: Measurement) -> datetime | None:
    """What the device's clock showed, where it says so; a stream says nothing."""
    return None if isinstance(record, SeriesRecord) else record.device_time


def user_slot(record: Measurement) -> int | None:
    """The device's user slot, where it says one."""
    if isinstance(record, SeriesRecord):
        return None
    facts = record.attributes if isinstance(record, ReadingRecord) else record.facts
    slot = facts.get(USER)
    return slot if isinstance(slot, int) else None
