"""What a hub states beside its records, each a COSE_Sign1 by its Ed25519 key (uplink/seal.py).

key-record = {                         ; opens an epoch
0: 1  1: 1                         ; a key record, of format 1
2: hub
3: kid
4: 0x647a / 0x0020                 ; HPKE KEM: X-Wing (ML-KEM-768 with X25519), X25519;
; KDF HKDF-SHA256, AEAD AES-256-GCM
5: bstr .size 8                    ; id of the backend's HPKE key
6: bstr                            ; data key of 32 bytes, sealed: HPKE enc || ct,
; info = CBOR [1, hub, kid], aad empty
7: bstr .size 12                   ; base IV
8: bstr .size 16  9: uint          ; boot id, BOOTTIME in ms
10: uint  11: uint                 ; UTC in ms since 1970 as believed, its quality
12: tstr                           ; software of the hub
? 13: [kid, last: uint, sure: bool]  ; the epoch before; last 0: nothing was sealed in it; sure:
                                     ; it ended there, as endings 2 and 3 say it
}
checkpoint = {                         ; how far an epoch goes
0: 3  1: 1
2: hub
3: kid
4: last: uint                      ; the last sequence sealed so far; 0: none
5: 1 / 2 / 3                       ; the epoch goes on; was closed in order; was found so
; on flash by a later start, with nothing damaged
6: uint                            ; UTC in ms since 1970 as the hub believes it
? 7: bstr .size 32                   ; chain over sealed records 1 to last; absent where the
; hub cannot vouch for each of them
? 8: kid                             ; the epoch before
}
gone = {                               ; the answer to ranges that a receipt wanted
0: 4  1: 1
2: hub
3: uint                            ; UTC in ms since 1970 as the hub believes it
4: { + kid => [+ range] }          ; the hub does not have them any more, for good
}
request = {                            ; what has changed at the office? (uplink/answers.py)
0: 5  1: 1
2: hub
3: uint                            ; UTC in ms since 1970 as the hub believes it
4: bstr                            ; PKCS 10 request (DER) of the hub's TLS key
5: [* bstr .size 8]                ; ids of the receipt keys that the hub believes, at most 32
6: bstr .size 8                    ; id of what the office told last
}
id of a request = first 8 bytes of SHA-256 over CBOR [3, 4], those of the request
chain(0) = 32 zero bytes    chain(n) = SHA-256(chain(n-1) || sealed record n)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from uplink.cbor import as_array, as_bytes, as_int, as_text, dump
from uplink.errors import UnknownKind, WireError
from uplink.records import MAX_QUALITY, MAX_UTC_MS, EpochStart
from uplink.wire import (
    FORMAT,
    MAX_SEQUENCE,
    Ranges,
    as_hub,
    as_kid,
    as_ranges,
    dump_ranges,
    key_id,
    read_payload,
)

CHAIN_START = bytes(32)
MAX_RECEIPT_KEYS = 32

_KEY_RECORD, _CHECKPOINT, _GONE, _REQUEST = 1, 3, 4, 5


class Previous(NamedTuple):
    """The epoch before: its kid, its last sequence (0: nothing was sealed), whether that is sure.

    It is after a clean end, and where the next start found the epoch whole: a ledger that has lost
    the checkpoint which said so is told by this.
    """

    kid: bytes
    last_sequence: int
    closed_cleanly: bool


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What opens an epoch: its data key, sealed to the backend (`enc`), and facts that repeat."""

    hub: str
    kid: bytes
    suite: int
    backend_key: bytes
    enc: bytes = field(repr=False)
    base_iv: bytes = field(repr=False)
    start: EpochStart
    previous: Previous | None = None


class Ending(IntEnum):
    """Whether an epoch ended, as its checkpoint says it."""

    OPEN = 1
    CLOSED = 2
    RECOVERED = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The epoch `kid` goes to `last_sequence`; `chain` is over its sealed records, if known."""

    hub: str
    kid: bytes
    last_sequence: int
    ending: Ending
    utc_ms: int
    chain: bytes | None = None
    previous_kid: bytes | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """What was wanted and the hub has no more; ranges are by kid, ends included."""

    hub: str
    utc_ms: int
    ranges: Mapping[bytes, Ranges]


@dataclass(frozen=True, slots=True)
class Request:
    """What the hub holds of the office's keys and certificates, in case there are others now.

    `csr` is a certificate request in DER; `receipt_keys` and `told` are ids of 8 bytes.
    """

    hub: str
    utc_ms: int
    csr: bytes
    receipt_keys: tuple[bytes, ...]
    told: bytes

    @property
    def id(self) -> bytes:
        """Its name, 8 bytes: the signature in its `csr` is another each time."""
        return key_id(dump([self.utc_ms, self.csr]))


Statement = KeyRecord | Checkpoint | Gone | Request


def extend_chain(chain: bytes, sealed: Iterable[bytes]) -> bytes:
    """The chain behind further sealed records."""
    for each in sealed:
        chain = sha256(chain + each).digest()
    return chain


def encode_statement(statement: Statement) -> bytes:
    """The payload of its COSE_Sign1. Raises WireError for one that nobody could read."""
    match statement:
        case KeyRecord():
            fields = _key_record_fields(statement)
        case Checkpoint():
            fields = {
                0: _CHECKPOINT,
                1: FORMAT,
                2: statement.hub,
                3: statement.kid,
                4: statement.last_sequence,
                5: statement.ending,
                6: statement.utc_ms,
                7: statement.chain,
                8: statement.previous_kid,
            }
        case Gone():
            ranges = dump_ranges(statement.ranges)
            fields = {0: _GONE, 1: FORMAT, 2: statement.hub, 3: statement.utc_ms, 4: ranges}
        case Request():
            names = (FORMAT, statement.hub, statement.utc_ms, statement.csr)
            fields = dict(enumerate((_REQUEST, *names, list(statement.receipt_keys))))
            fields[6] = statement.told
    payload = dump({key: value for key, value in fields.items() if value is not None})
    decode_statement(payload)
    return payload


def decode_statement(payload: bytes) -> Statement:
    """What the payload of a COSE_Sign1 by a hub states. Raises UnknownKind for a later kind."""
    fields = read_payload(payload, "statement")
    match as_int(fields.get(0), "statement mark"):
        case 1:
            return _decode_key_record(fields)
        case 3:
            return _decode_checkpoint(fields)
        case 4:
            ranges = as_ranges(fields.get(4), "gone")
            return Gone(
                as_hub(fields.get(2)), as_int(fields.get(3), "utc_ms", 0, MAX_UTC_MS), ranges
            )
        case 5:
            return _decode_request(fields)
        case mark:
            raise UnknownKind(mark)


def _key_record_fields(record: KeyRecord) -> dict[int, object]:
    names = (FORMAT, record.hub, record.kid, record.suite, record.backend_key, record.enc)
    fields = dict(enumerate((_KEY_RECORD, *names, record.base_iv, *record.start)))
    return fields | {13: list(record.previous) if record.previous else None}


def _decode_key_record(fields: Mapping[int, object]) -> KeyRecord:
    return KeyRecord(
        hub=as_hub(fields.get(2)),
        kid=as_kid(fields.get(3)),
        suite=as_int(fields.get(4), "suite", 0, 0xFFFF),
        backend_key=as_bytes(fields.get(5), "backend key", 8),
        enc=as_bytes(fields.get(6), "sealed data key"),
        base_iv=as_bytes(fields.get(7), "base IV", 12),
        start=EpochStart(
            as_bytes(fields.get(8), "boot", 16),
            as_int(fields.get(9), "boottime_ms", 0, MAX_UTC_MS),
            as_int(fields.get(10), "utc_ms", 0, MAX_UTC_MS),
            as_int(fields.get(11), "quality", 0, MAX_QUALITY),
            as_text(fields.get(12), "software"),
        ),
        previous=_decode_previous(fields.get(13)),
    )


def _decode_previous(value: object) -> Previous | None:
    if value is None:
        return None
    kid, last, clean = as_array(value, "previous epoch", 3)
    if not isinstance(clean, bool):
        raise WireError("previous epoch: found no claim whether it was closed cleanly")
    return Previous(as_kid(kid), as_int(last, "last sequence", 0, MAX_SEQUENCE), clean)


def _decode_checkpoint(fields: Mapping[int, object]) -> Checkpoint:
    chain, previous = fields.get(7), fields.get(8)
    return Checkpoint(
        hub=as_hub(fields.get(2)),
        kid=as_kid(fields.get(3)),
        last_sequence=as_int(fields.get(4), "last sequence", 0, MAX_SEQUENCE),
        ending=Ending(as_int(fields.get(5), "ending", min(Ending), max(Ending))),
        utc_ms=as_int(fields.get(6), "utc_ms", 0, MAX_UTC_MS),
        chain=None if chain is None else as_bytes(chain, "chain", 32),
        previous_kid=None if previous is None else as_kid(previous),
    )


def _decode_request(fields: Mapping[int, object]) -> Request:
    return Request(
        as_hub(fields.get(2)),
        as_int(fields.get(3), "utc_ms", 0, MAX_UTC_MS),
        as_bytes(fields.get(4), "certificate request"),
        _decode_key_ids(fields.get(5)),
        as_bytes(fields.get(6), "id of what was told", 8),
    )


def _decode_key_ids(value: object) -> tuple[bytes, ...]:
    ids = tuple(as_bytes(item, "key id", 8) for item in as_array(value, "receipt keys"))
    if len(ids) > MAX_RECEIPT_KEYS:
        raise WireError(f"receipt keys: {len(ids)}, the limit is {MAX_RECEIPT_KEYS}")
    return ids
