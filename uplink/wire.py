"""What travels between hub and backend: messages of records one way, receipts the other.

    message = [+ item]                     ; <prefix>/v1/<hub>/records, at most 64 KiB
    item = bstr                            ; COSE_Sign1 of a statement (uplink/statements.py)
         / [kid, first: seq, [+ bstr]]     ; a run: sealed records of following sequences;
                                           ; seal.encrypt0 gives the COSE_Encrypt0 of each
                                           ; what is neither is counted and left unread
    receipt = {                            ; payload of a COSE_Sign1 by the backend's Ed25519 key,
        0: 2  1: 1                         ; on <prefix>/v1/<hub>/receipts
        2: hub
        3: uint                            ; UTC in ms since 1970, of the ledger's commit
      ? 4: { + kid => [+ range] }          ; stored
      ? 5: [+ [kid, seq, reason: tstr]]    ; refused: can never be accepted
      ? 6: [+ kid]                         ; unknown: send the key record again
      ? 7: { + kid => [+ range] }          ; wanted: send these again, or say that they are gone
      ? 8: { + kid => uint }               ; checkpoints kept: the last sequence of the newest
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
from uplink.records import MAX_UTC_MS

FORMAT = 1
MAX_MESSAGE_BYTES = 64 * 1024
MAX_SEQUENCE = 2**32 - 1
KID_BYTES = 16
HUB_ID = re.compile(r"[a-z0-9-]{1,32}")

_RECEIPT = 2

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Run:
    """Sealed records of one epoch with sequences from `first` up."""

    kid: bytes
    first: int
    sealed: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """Items in the order sent; bytes are signed statements. `unknown` items were left unread."""

    items: tuple[Run | bytes, ...]
    unknown: int = 0


class Refusal(NamedTuple):
    """A record that can never be accepted."""

    kid: bytes
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the ledger of one hub has committed by `utc_ms`; ranges are by kid, ends included.

    `checked` has by kid the last sequence of the newest checkpoint that is kept.
    """

    hub: str
    utc_ms: int
    stored: Mapping[bytes, Ranges] = field(default_factory=dict)
    refused: Sequence[Refusal] = ()
    unknown: Sequence[bytes] = ()
    wanted: Mapping[bytes, Ranges] = field(default_factory=dict)
    checked: Mapping[bytes, int] = field(default_factory=dict)


def topic(prefix: str, hub: str, leaf: str) -> str:
    """The MQTT topic of `hub` for `leaf`: records, receipts or status."""
    return f"{prefix}/v{FORMAT}/{as_hub(hub)}/{leaf}"


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


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload of a receipt's COSE_Sign1. Raises WireError for one that nobody could read."""
    fields = {
        0: _RECEIPT,
        1: FORMAT,
        2: receipt.hub,
        3: receipt.utc_ms,
        4: dump_ranges(receipt.stored),
        5: [list(refusal) for refusal in receipt.refused],
        6: list(receipt.unknown),
        7: dump_ranges(receipt.wanted),
        8: dict(receipt.checked),
    }
    payload = dump({key: value for key, value in fields.items() if value not in ([], {})})
    decode_receipt(payload)
    return payload


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in the payload of its COSE_Sign1."""
    fields = read_payload(payload, "receipt")
    as_int(fields.get(0), "receipt mark", _RECEIPT, _RECEIPT)
    return Receipt(
        as_hub(fields.get(2)),
        as_int(fields.get(3), "utc_ms", 0, MAX_UTC_MS),
        as_ranges(fields.get(4, {}), "stored"),
        tuple(_decode_refusal(item) for item in as_array(fields.get(5, []), "refused")),
        tuple(as_kid(item) for item in as_array(fields.get(6, []), "unknown")),
        as_ranges(fields.get(7, {}), "wanted"),
        {
            as_kid(kid): as_int(last, "checked", 0, MAX_SEQUENCE)
            for kid, last in as_map(fields.get(8, {}), "checked", bytes).items()
        },
    )


def read_payload(payload: bytes, what: str) -> dict[int, object]:
    """The map in what was signed, whose format is known; key 0 says what it is."""
    fields = as_map(load(payload, what, MAX_MESSAGE_BYTES), what, int)
    as_int(fields.get(1), f"{what} format", FORMAT, FORMAT)
    return fields


def as_kid(value: object) -> bytes:
    """`value`, the name of an epoch."""
    return as_bytes(value, "kid", KID_BYTES)


def as_hub(value: object) -> str:
    """`value`, the id of a hub."""
    hub = as_text(value, "hub")
    if not HUB_ID.fullmatch(hub):
        raise WireError("hub: found an id that is not 1 to 32 of a-z, 0-9 and -")
    return hub


def as_ranges(value: object, what: str) -> dict[bytes, Ranges]:
    """`value`, ranges of sequences by kid."""
    return {
        as_kid(kid): tuple(_decode_range(item, what) for item in as_array(ranges, what))
        for kid, ranges in as_map(value, what, bytes).items()
    }


def dump_ranges(ranges: Mapping[bytes, Ranges]) -> dict[bytes, list[list[int]]]:
    """Ranges as `as_ranges` reads them."""
    return {kid: [list(each) for each in of] for kid, of in ranges.items()}


def _decode_run(item: object) -> Run:
    kid, first, sealed = as_array(item, "run", 3)
    records = tuple(as_bytes(record, "sealed record") for record in as_array(sealed, "run"))
    if not records:
        raise WireError("run: found no record")
    first = as_int(first, "first sequence", 1, MAX_SEQUENCE - len(records) + 1)
    return Run(as_kid(kid), first, records)


def _decode_range(item: object, what: str) -> tuple[int, int]:
    first, last = as_array(item, what, 2)
    first = as_int(first, what, 1, MAX_SEQUENCE)
    return first, as_int(last, what, first, MAX_SEQUENCE)


def _decode_refusal(item: object) -> Refusal:
    kid, sequence, reason = as_array(item, "refused", 3)
    return Refusal(
        as_kid(kid), as_int(sequence, "refused", 1, MAX_SEQUENCE), as_text(reason, "reason")
    )
