"""What the office answers to a hub's request: the facts that enrolment gave it, as they are now.

answer = {                ; payload of a COSE_Sign1 by a receipt key, on <prefix>/v1/<hub>/receipts
    0: 6  1: 1
    2: hub
    3: uint               ; UTC in ms since 1970: a hub takes a later one than it has, or one by 8
    4: bstr               ; the hub's certificate, X.509 in DER
    5: [+ bstr]           ; the authorities that may sign the broker's, X.509 in DER
    6: [+ [suite, bstr]]  ; HPKE keys to seal to, the newest first; suite as in a key record
    7: [+ bstr .size 32]  ; Ed25519 keys whose receipts and answers hold; at most 32
  ? 8: bstr .size 8       ; id of the request that it answers; the hub's last one counts at any time
}
id of what was told = first 8 bytes of SHA-256 over CBOR [4, 5, 6, 7], those of the answer
"""

from __future__ import annotations

from dataclasses import dataclass

from uplink.cbor import as_array, as_bytes, as_int, dump
from uplink.errors import WireError
from uplink.records import MAX_UTC_MS
from uplink.statements import MAX_RECEIPT_KEYS
from uplink.wire import FORMAT, as_hub, key_id, read_payload

_ANSWER = 6


@dataclass(frozen=True, slots=True)
class Told:
    """What a hub has from the office: certificates in DER, keys as they are serialised."""

    certificate: bytes
    authorities: tuple[bytes, ...]
    hpke: tuple[tuple[int, bytes], ...]
    receipt_keys: tuple[bytes, ...]

    @property
    def id(self) -> bytes:
        """Its name, 8 bytes."""
        return key_id(dump(self.fields()))

    def fields(self) -> list[object]:
        """As they travel."""
        hpke = [list(key) for key in self.hpke]
        return [self.certificate, list(self.authorities), hpke, list(self.receipt_keys)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the office tells `hub`, as of `utc_ms`, asked by the `request` of that id."""

    hub: str
    utc_ms: int
    told: Told
    request: bytes | None = None


def encode_answer(answer: Answer) -> bytes:
    """The payload of an answer's COSE_Sign1. Raises WireError for one that nobody could read."""
    names = (_ANSWER, FORMAT, answer.hub, answer.utc_ms)
    fields = dict(enumerate((*names, *answer.told.fields())))
    payload = dump(fields | ({8: answer.request} if answer.request else {}))
    decode_answer(payload)
    return payload


def decode_answer(payload: bytes) -> Answer:
    """The answer in the payload of its COSE_Sign1."""
    fields = read_payload(payload, "answer")
    as_int(fields.get(0), "answer mark", _ANSWER, _ANSWER)
    authorities = tuple(as_bytes(one, "authority") for one in _some(fields.get(5), "authorities"))
    hpke = tuple(_decode_hpke(one) for one in _some(fields.get(6), "HPKE keys"))
    keys = tuple(as_bytes(one, "receipt key", 32) for one in _some(fields.get(7), "receipt keys"))
    request = fields.get(8)
    if len(keys) > MAX_RECEIPT_KEYS:
        raise WireError(f"receipt keys: {len(keys)}, the limit is {MAX_RECEIPT_KEYS}")
    return Answer(
        as_hub(fields.get(2)),
        as_int(fields.get(3), "utc_ms", 0, MAX_UTC_MS),
        Told(as_bytes(fields.get(4), "certificate"), authorities, hpke, keys),
        None if request is None else as_bytes(request, "id of a request", 8),
    )


def _decode_hpke(item: object) -> tuple[int, bytes]:
    suite, data = as_array(item, "HPKE key", 2)
    return as_int(suite, "suite", 0, 0xFFFF), as_bytes(data, "HPKE key")


def _some(value: object, what: str) -> list[object]:
    items = as_array(value, what)
    if not items:
        raise WireError(f"{what}: found none")
    return items
