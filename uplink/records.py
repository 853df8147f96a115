"""The plaintext of one record: a CBOR map with integer keys. Unknown keys are left unread.

    record = {
      ? 0: kind            ; absent: 1, a reading
        1: uint            ; since_ms: BOOTTIME since the epoch began
      ? 2: int             ; utc_ms less (the epoch's utc_ms + since_ms); absent: 0
      ? 3: uint            ; clock quality; absent: as at the epoch's start
      ? 4: uint            ; device index; absent: 0, in an event: no device
      ? 5: [+ (source, bstr)]   ; raw frames; source: uint, a 16-bit UUID, else tstr
      ? 6: int / decimal   ; device time: seconds since 2000-01-01T00:00:00, no zone
      ? 7: { * tstr => int / tstr / { * tstr => tstr } }    ; attributes, in an event: facts
      ; reading (1)
        8: [* (tstr / (code, value))]   ; tstr: UCUM unit of the values after it
                           ; code: uint, MDC; below 65536 a term of partition 2 (SCADA)
                           ; value: int / decimal, as the device sent it
      ? 9: uint            ; origin + 4 * link; absent: 0
                           ; origin: 0 unknown, 1 live, 2 stored
                           ; link: 0 open, 1 encrypted, 2 bonded
      ? 10: uint           ; record number
      ? 11: [+ tstr]       ; status
      ; device (3): written before the first record that names its index
        8: tstr  9: tstr   ; driver, its version
        10: [maker, model, serial] / bstr .size 16   ; identity: three tstr, or a random id
        11: tstr           ; transport
      ? 12: tstr           ; name, as advertised
      ? 13: tstr ? 14: tstr ? 15: tstr ? 16: tstr   ; maker, model, serial, firmware: device's words
      ; clock (4)
        8: tstr            ; start, sync, step, told, daily or stop
      ; event (5)
        8: tstr            ; measurement-failed, frame-undecodable, battery, clock-read, clock-set,
                           ; bond-made, bond-lost, storage-loss or device-event
      ? 9: uint            ; since_ms less the instant at which the answer was asked for
    }
    decimal = #6.4([exponent: -128..127, mantissa: int])

Kind 6 (visit) is named and not yet written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from uplink.cbor import MAX_INT, as_array, as_int, as_map, as_number, as_text, dump, load
from uplink.errors import UnknownKind, WireError
from uplink.fields import (
    Attributes,
    Identity,
    Raw,
    decode_attributes,
    decode_identity,
    decode_observations,
    decode_raw,
    decode_time,
    encode_observations,
    encode_raw,
    encode_time,
)
from uplink.runs import (
    MAX_RAW_BYTES,
    Counts,
    Runs,
    decode_channels,
    decode_counts,
    deflate,
    encode_channels,
    encode_counts,
    inflate,
)

MAX_RECORD_BYTES = 32 * 1024
"""A record with its key record twice still fits one message."""

MAX_UTC_MS = 253_402_300_799_999
"""The last millisecond of 9999, so that every instant is a datetime."""

MAX_QUALITY = 31
MAX_DEVICE = 0xFFFF


class Kind(IntEnum):
    """What a record is."""

    READING = 1
    SERIES = 2
    DEVICE = 3
    CLOCK = 4
    EVENT = 5
    VISIT = 6


class Stamp(NamedTuple):
    """When the hub made a record.

    `since_ms` is BOOTTIME since the epoch began, `utc_ms` UTC as the hub believed it (ms since
    1970). `quality` 0: not synchronised; n from 1: synchronised with an error below 2**n ms.
    """

    since_ms: int
    utc_ms: int
    quality: int


class EpochStart(NamedTuple):
    """What is the same for all records of an epoch: `boot` is the kernel's boot id (16 bytes)."""

    boot: bytes
    boottime_ms: int
    utc_ms: int
    quality: int
    software: str


class ObservationFact(NamedTuple):
    """One metric (context-free MDC code) with the value as sent and its UCUM unit."""

    metric: int
    value: Decimal
    unit: str

    def __repr__(self) -> str:
        return f"ObservationFact(metric={self.metric})"


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """A reading with how it came: `origin` 0 unknown, 1 live, 2 stored; `link` 0 open, 2 bonded."""

    stamp: Stamp
    device: int
    raw: Raw = field(repr=False)
    observations: tuple[ObservationFact, ...] = field(repr=False)
    device_time: datetime | None = field(default=None, repr=False)
    record_number: int | None = None
    origin: int = 0
    link: int = 0
    status: tuple[str, ...] = field(default=(), repr=False)
    attributes: Attributes = field(default_factory=dict, repr=False)


class ChannelFact(NamedTuple):
    """One metric of a stretch: (value as sent or None, how many times in a row) in turn."""

    metric: int
    unit: str
    runs: Runs

    def __repr__(self) -> str:
        return f"ChannelFact(metric={self.metric})"


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """A stretch of a stream: `count` frames, nominally `rate` a second, within `duration_ms`.

    `raw` is the source and all frames, one behind the other. `origin` and `link` as of a reading.
    """

    stamp: Stamp
    device: int
    raw: tuple[str, bytes] = field(repr=False)
    channels: tuple[ChannelFact, ...] = field(repr=False)
    count: int
    rate: Decimal
    duration_ms: int
    origin: int = 1
    link: int = 0
    attributes: Counts = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """The device behind an index: its identity, its driver, and what it says of itself."""

    stamp: Stamp
    device: int
    driver: str
    driver_version: str
    identity: Identity = field(repr=False)
    transport: str
    name: str = field(default="", repr=False)
    maker: str = ""
    model: str = ""
    serial: str = field(default="", repr=False)
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class ClockRecord:
    """An anchor: BOOTTIME and UTC of one instant. `cause`: start, sync, step, told, daily, stop."""

    stamp: Stamp
    cause: str


@dataclass(frozen=True, slots=True)
class EventRecord:
    """What happened beside readings; `asked_ms` is the since_ms at which an answer was asked for.

    For `clock-read` and `clock-set` `device_time` is the time read or written.
    """

    stamp: Stamp
    name: str
    device: int | None = None
    raw: Raw = field(default=(), repr=False)
    facts: Attributes = field(default_factory=dict, repr=False)
    device_time: datetime | None = field(default=None, repr=False)
    asked_ms: int | None = None


Record = ReadingRecord | SeriesRecord | DeviceRecord | ClockRecord | EventRecord


def encode(record: Record, start: EpochStart) -> bytes:
    """The plaintext of `record`, in the epoch that began at `start`.

    Raises WireError where `decode` would not give back the same record.
    """
    stamp = record.stamp
    common = {
        1: stamp.since_ms,
        2: (stamp.utc_ms - start.utc_ms - stamp.since_ms) or None,
        3: stamp.quality if stamp.quality != start.quality else None,
    }
    fields = common | _own_fields(record)
    plaintext = dump({key: value for key, value in fields.items() if value is not None})
    if decode(plaintext, start) != record:
        raise WireError(f"{type(record).__name__}: found a value the format cannot hold")
    return plaintext


def decode(plaintext: bytes, start: EpochStart) -> Record:
    """The record in `plaintext`. Raises UnknownKind for a kind of a later version."""
    fields = as_map(load(plaintext, "record", MAX_RECORD_BYTES), "record", int)
    since_ms = as_int(fields.get(1), "since_ms", 0, MAX_UTC_MS)
    believed = start.utc_ms + since_ms + as_int(fields.get(2, 0), "utc difference", -MAX_INT)
    stamp = Stamp(
        since_ms,
        as_int(believed, "utc_ms", 0, MAX_UTC_MS),
        as_int(fields.get(3, start.quality), "quality", 0, MAX_QUALITY),
    )
    kind = as_int(fields.get(0, 1), "kind")
    if kind not in _DECODERS:
        raise UnknownKind(kind)
    return _DECODERS[kind](fields, stamp)


def _own_fields(record: Record) -> dict[int, object]:
    match record:
        case ReadingRecord():
            return {
                4: record.device or None,
                5: encode_raw(record.raw) or None,
                6: encode_time(record.device_time),
                7: dict(record.attributes) or None,
                8: encode_observations(record.observations),
                9: record.origin + 4 * record.link or None,
                10: record.record_number,
                11: list(record.status) or None,
            }
        case SeriesRecord():
            source, data = record.raw
            rate = record.rate
            return {
                0: Kind.SERIES,
                4: record.device or None,
                5: encode_raw(((source, deflate(data)),)),
                7: encode_counts(record.attributes) or None,
                8: encode_channels(record.channels),
                9: record.origin + 4 * record.link or None,
                10: record.count,
                11: int(rate) if rate.as_tuple().exponent == 0 else rate,
                12: record.duration_ms,
            }
        case DeviceRecord():
            return {
                0: Kind.DEVICE,
                4: record.device or None,
                8: record.driver,
                9: record.driver_version,
                10: record.identity,
                11: record.transport,
                12: record.name or None,
                13: record.maker or None,
                14: record.model or None,
                15: record.serial or None,
                16: record.firmware or None,
            }
        case ClockRecord():
            return {0: Kind.CLOCK, 8: record.cause}
        case EventRecord():
            asked = record.asked_ms
            return {
                0: Kind.EVENT,
                4: record.device,
                5: encode_raw(record.raw) or None,
                6: encode_time(record.device_time),
                7: dict(record.facts) or None,
                8: record.name,
                9: None if asked is None else record.stamp.since_ms - asked,
            }


def _decode_reading(fields: Mapping[int, object], stamp: Stamp) -> Record:
    link, origin = divmod(as_int(fields.get(9, 0), "origin and link", 0, 11), 4)
    return ReadingRecord(
        stamp,
        as_int(fields.get(4, 0), "device", 0, MAX_DEVICE),
        decode_raw(fields.get(5, [])),
        tuple(map(ObservationFact._make, decode_observations(fields.get(8)))),
        decode_time(fields.get(6)),
        _optional_int(fields.get(10), "record number"),
        as_int(origin, "origin", 0, 2),
        link,
        tuple(as_text(item, "status") for item in as_array(fields.get(11, []), "status")),
        decode_attributes(fields.get(7, {})),
    )


def _decode_series(fields: Mapping[int, object], stamp: Stamp) -> Record:
    link, origin = divmod(as_int(fields.get(9, 0), "origin and link", 0, 11), 4)
    [(source, packed), *more] = decode_raw(fields.get(5)) or [("", b"")]
    if more:
        raise WireError("raw: found more than one stream")
    count = as_int(fields.get(10), "frames", 1, MAX_RAW_BYTES)
    return SeriesRecord(
        stamp,
        as_int(fields.get(4, 0), "device", 0, MAX_DEVICE),
        (source, inflate(packed)),
        tuple(ChannelFact(*each) for each in decode_channels(fields.get(8), count)),
        count,
        as_number(fields.get(11), "rate"),
        as_int(fields.get(12), "duration"),
        as_int(origin, "origin", 0, 2),
        link,
        decode_counts(fields.get(7, {}), count),
    )


def _decode_device(fields: Mapping[int, object], stamp: Stamp) -> Record:
    return DeviceRecord(
        stamp,
        as_int(fields.get(4, 0), "device", 0, MAX_DEVICE),
        as_text(fields.get(8), "driver"),
        as_text(fields.get(9), "driver version"),
        decode_identity(fields.get(10)),
        as_text(fields.get(11), "transport"),
        *(as_text(fields.get(key, ""), "device information") for key in range(12, 17)),
    )


def _decode_clock(fields: Mapping[int, object], stamp: Stamp) -> Record:
    return ClockRecord(stamp, as_text(fields.get(8), "cause"))


def _decode_event(fields: Mapping[int, object], stamp: Stamp) -> Record:
    asked = _optional_int(fields.get(9), "asked", stamp.since_ms)
    return EventRecord(
        stamp,
        as_text(fields.get(8), "event"),
        _optional_int(fields.get(4), "device", MAX_DEVICE),
        decode_raw(fields.get(5, [])),
        decode_attributes(fields.get(7, {})),
        decode_time(fields.get(6)),
        None if asked is None else stamp.since_ms - asked,
    )


_DECODERS: Mapping[int, Callable[[Mapping[int, object], Stamp], Record]] = {
    Kind.READING: _decode_reading,
    Kind.SERIES: _decode_series,
    Kind.DEVICE: _decode_device,
    Kind.CLOCK: _decode_clock,
    Kind.EVENT: _decode_event,
}


def _optional_int(value: object, what: str, high: int = MAX_INT) -> int | None:
    return None if value is None else as_int(value, what, 0, high)
