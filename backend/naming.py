"""What a record tells of, and the name that makes a reading count once."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from uplink.cbor import dump
from uplink.records import (
    ClockRecord,
    DeviceRecord,
    EventRecord,
    Kind,
    ReadingRecord,
    Record,
)

FAILED = "measurement-failed"
CLOCK_READ = "clock-read"
CLOCK_SET = "clock-set"
USER = "user_id"

_KINDS: Mapping[type[Record], Kind] = {
    ReadingRecord: Kind.READING,
    DeviceRecord: Kind.DEVICE,
    ClockRecord: Kind.CLOCK,
    EventRecord: Kind.EVENT,
}


class Name(NamedTuple):
    """(hub, kid, sequence): the name of a record."""

    hub: str
    kid: bytes
    sequence: int


def identity_bytes(identity: tuple[str, str, str] | bytes) -> bytes:
    """A device as it names readings: CBOR [maker, model, serial], or the random id."""
    return identity if isinstance(identity, bytes) else dump(list(identity))


def reading_id(identity: bytes, name: Name, record: ReadingRecord | EventRecord) -> bytes:
    """16 bytes of SHA-256 over the device and the measurement frame.

    A frame with neither a device time nor a record number repeats: there the record names it.
    """
    is_dated = record.device_time is not None
    is_numbered = isinstance(record, ReadingRecord) and record.record_number is not None
    naming = record.raw[0][1] if record.raw and (is_dated or is_numbered) else dump(list(name))
    return sha256(identity + naming).digest()[:16]


def kind_of(record: Record) -> Kind:
    """The kind under which the ledger keeps it."""
    return _KINDS[type(record)]


def as_measurement(record: Record) -> ReadingRecord | EventRecord | None:
    """The record, if it is one act of measuring of a device, failed or not."""
    if isinstance(record, ReadingRecord):
        return record
    if isinstance(record, EventRecord) and record.name == FAILED and record.device is not None:
        return record
    return None


def as_clock_fact(record: Record) -> EventRecord | None:
    """The record, if it says what a device's clock showed, or what it was set to."""
    if not isinstance(record, EventRecord) or record.name not in {CLOCK_READ, CLOCK_SET}:
        return None
    return None if record.device is None or record.device_time is None else record


def user_slot(record: ReadingRecord | EventRecord) -> int | None:
    """The device's user slot, where it says one."""
    facts = record.attributes if isinstance(record, ReadingRecord) else record.facts
    slot = facts.get(USER)
    return slot if isinstance(slot, int) else None
