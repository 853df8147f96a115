"""What travels between hub and backend: messages of records one way, receipts the other.

    message = [+ item]                     ; <prefix>/v1/<hub>/records, at most 64 KiB
    item = bstr                            ; COSE_Sign1 of a key record
         / [kid, first: seq, [+ bstr]]     ; a run: sealed records of following sequences;
                                           ; seal.encrypt0 gives the COSE_Encrypt0 of each
                                           ; what is neither is counted and left unread
    key-record = {                         ; payload of a COSE_Sign1 by the hub's Ed25519 key
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
      ? 13: [kid, last: uint, clean: bool] ; the epoch before; last 0: nothing was sealed in it
    }
    receipt = {                            ; payload of a COSE_Sign1 by the backend's Ed25519 key,
        0: 2  1: 1                         ; on <prefix>/v1/<hub>/receipts
        2: hub
        3: uint                            ; UTC in ms since 1970, of the ledger's commit
      ? 4: { + kid => [+ range] }          ; stored
      ? 5: [+ [kid, seq, reason: tstr]]    ; refused: can never be accepted
      ? 6: [+ kid]                         ; unknown: send the key record again
      ? 7: { + kid => [+ range] }          ; wanted
    }
    range = [first: seq, last: seq]        ; both ends included, first <= last
    kid = bstr .size 16    hub = tstr .regexp "[a-z0-9-]{1,32}"    seq = 1..4294967295

Keys that are not named here are left unread: version 1 only grows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from uplink.cbor import as_array, as_bytes, as_int, as_map, as_text, dump, load
from uplink.errors import WireError
from uplink.records import MAX_QUALITY, MAX_UTC_MS, EpochStart

FORMAT = 1
MAX_MESSAGE_BYTES = 64 * 1024
MAX_SEQUENCE = 2**32 - 1
KID_BYTES = 16
HUB_ID = re.compile(r"[a-z0-9-]{1,32}")

_KEY_RECORD = 1
_RECEIPT = 2

Ranges = Sequence[tuple[int, int]]


class Previous(NamedTuple):
    """The epoch before: its kid, its last sequence (0: nothing was sealed), how it ended."""

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


@dataclass(frozen=True, slots=True)
class Run:
    """Sealed records of one epoch with sequences from `first` up."""

    kid: bytes
    first: int
    sealed: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """Items in the order sent; bytes are signed key records. `unknown` items were left unread."""

    items: tuple[Run | bytes, ...]
    unknown: int = 0


class Refusal(NamedTuple):
    """A record that can never be accepted."""

    kid: bytes
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the ledger of one hub has committed by `utc_ms`; ranges are by kid, ends included."""

    hub: str
    utc_ms: int
    stored: Mapping[bytes, Ranges] = field(default_factory=dict)
    refused: Sequence[Refusal] = ()
    unknown: Sequence[bytes] = ()
    wanted: Mapping[bytes, Ranges] = field(default_factory=dict)


def topic(prefix: str, hub: str, leaf: str) -> str:
    """The MQTT topic of `hub` for `leaf`: records, receipts or status."""
    return f"{prefix}/v{FORMAT}/{_hub(hub)}/{leaf}"


def key_id(public: bytes) -> bytes:
    """Name of a public key: the first 8 bytes of SHA-256 over its bytes."""
    return sha256(public).digest()[:8]


def encode_message(items: Sequence[Run | bytes]) -> bytes:
    """One MQTT payload. Raises WireError above 64 KiB."""
    payload = dump([i if isinstance(i, bytes) else [i.kid, i.first, list(i.sealed)] for i in items])
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError(f"message: {len(payload)} bytes, the limit is {MAX_MESSAGE_BYTES}")
    return payload


def decode_message(payload: bytes) -> Message:
    """The items of one MQTT payload."""
    items = as_array(load(payload, "message", MAX_MESSAGE_BYTES), "message")
    known = tuple(
        item if isinstance(item, bytes) else _decode_run(item)
        for item in items
        if isinstance(item, bytes | list)
    )
    return Message(known, len(items) - len(known))


def encode_key_record(record: KeyRecord) -> bytes:
    """The payload of a key record's COSE_Sign1. Raises WireError for one that nobody could read."""
    names = (FORMAT, record.hub, record.kid, record.suite, record.backend_key, record.enc)
    fields = dict(enumerate((_KEY_RECORD, *names, record.base_iv, *record.start)))
    if record.previous:
        fields[13] = list(record.previous)
    payload = dump(fields)
    decode_key_record(payload)
    return payload


def decode_key_record(payload: bytes) -> KeyRecord:
    """The key record in the payload of its COSE_Sign1."""
    fields = _decode_payload(payload, "key record", _KEY_RECORD)
    return KeyRecord(
        hub=_hub(fields.get(2)),
        kid=_kid(fields.get(3)),
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


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload of a receipt's COSE_Sign1. Raises WireError for one that nobody could read."""
    fields = {
        0: _RECEIPT,
        1: FORMAT,
        2: receipt.hub,
        3: receipt.utc_ms,
        4: {kid: [list(r) for r in ranges] for kid, ranges in receipt.stored.items()},
        5: [list(refusal) for refusal in receipt.refused],
        6: list(receipt.unknown),
        7: {kid: [list(r) for r in ranges] for kid, ranges in receipt.wanted.items()},
    }
    payload = dump({key: value for key, value in fields.items() if value not in ([], {})})
    decode_receipt(payload)
    return payload


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in the payload of its COSE_Sign1."""
    fields = _decode_payload(payload, "receipt", _RECEIPT)
    return Receipt(
        _hub(fields.get(2)),
        as_int(fields.get(3), "utc_ms", 0, MAX_UTC_MS),
        _decode_ranges(fields.get(4, {}), "stored"),
        tuple(_decode_refusal(item) for item in as_array(fields.get(5, []), "refused")),
        tuple(_kid(item) for item in as_array(fields.get(6, []), "unknown")),
        _decode_ranges(fields.get(7, {}), "wanted"),
    )


def _decode_payload(payload: bytes, what: str, number: int) -> dict[int, object]:
    fields = as_map(load(payload, what, MAX_MESSAGE_BYTES), what, int)
    as_int(fields.get(0), f"{what} mark", number, number)
    as_int(fields.get(1), f"{what} format", FORMAT, FORMAT)
    return fields


def _decode_run(item: object) -> Run:
    kid, first, sealed = as_array(item, "run", 3)
    records = tuple(as_bytes(record, "sealed record") for record in as_array(sealed, "run"))
    if not records:
        raise WireError("run: found no record")
    first = as_int(first, "first sequence", 1, MAX_SEQUENCE - len(records) + 1)
    return Run(_kid(kid), first, records)


def _decode_previous(value: object) -> Previous | None:
    if value is None:
        return None
    kid, last, clean = as_array(value, "previous epoch", 3)
    if not isinstance(clean, bool):
        raise WireError("previous epoch: found no claim whether it was closed cleanly")
    return Previous(_kid(kid), as_int(last, "last sequence", 0, MAX_SEQUENCE), clean)


def _decode_ranges(value: object, what: str) -> dict[bytes, Ranges]:
    return {
        _kid(kid): tuple(_decode_range(item, what) for item in as_array(ranges, what))
        for kid, ranges in as_map(value, what, bytes).items()
    }


def _decode_range(item: object, what: str) -> tuple[int, int]:
    first, last = as_array(item, what, 2)
    first = as_int(first, what, 1, MAX_SEQUENCE)
    return first, as_int(last, what, first, MAX_SEQUENCE)


def _decode_refusal(item: object) -> Refusal:
    kid, sequence, reason = as_array(item, "refused", 3)
    return Refusal(
        _kid(kid), as_int(sequence, "refused", 1, MAX_SEQUENCE), as_text(reason, "reason")
    )


def _kid(value: object) -> bytes:
    return as_bytes(value, "kid", KID_BYTES)


def _hub(value: object) -> str:
    hub = as_text(value, "hub")
    if not HUB_ID.fullmatch(hub):
        raise WireError("hub: found an id that is not 1 to 32 of a-z, 0-9 and -")
    return hub
