"""Sealing a record, and signing what is not secret.

An epoch has one random AES-256 key. Its key record carries that key, sealed by HPKE (RFC 9180) to
the backend, and is a COSE_Sign1 by the hub. Each record is a COSE_Encrypt0 (RFC 9052), of which
only the ciphertext is kept and sent; `encrypt0` gives back the whole:

    Encrypt0 = 16([h'A10103', {4: kid, 6: partial IV}, ciphertext || tag])      ; A256GCM
    partial IV = sequence, big-endian, without leading zeros
    nonce = base IV XOR sequence; external_aad = CBOR [1, hub]
    Sign1 = 18([h'A10127', {4: key id}, payload, signature])    ; Ed25519, external_aad empty
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_bytes

from uplink.answers import Answer, decode_answer, encode_answer
from uplink.cbor import as_array, as_bytes, as_map, dump, load
from uplink.errors import SealError, WireError
from uplink.keys import (
    A256GCM,
    DATA_KEY_BYTES,
    DataKey,
    OpeningKey,
    SealingKey,
    Signer,
    hpke_info,
    verify,
)
from uplink.records import EpochStart
from uplink.statements import (
    KeyRecord,
    Previous,
    Statement,
    decode_statement,
    encode_statement,
)
from uplink.wire import (
    KID_BYTES,
    MAX_MESSAGE_BYTES,
    Receipt,
    decode_receipt,
    encode_receipt,
    key_id,
)

__all__ = [
    "DataKey",
    "Epoch",
    "OpeningKey",
    "SealingKey",
    "Signer",
    "encrypt0",
    "open_epoch",
    "sign_answer",
    "sign_receipt",
    "sign_statement",
    "verify",
    "verify_answer",
    "verify_key_record",
    "verify_receipt",
    "verify_statement",
]

_ENCRYPT0 = b"\xd0"  # tag 16
_SIGN1 = b"\xd2"  # tag 18
_EDDSA = b"\xa1\x01\x27"  # {1: -8}


class Epoch:
    """The hub's side of a data key: gives out each sequence once, from 1 up."""

    __slots__ = ("_key", "kid", "last_sequence", "start")

    def __init__(self, key: DataKey, start: EpochStart) -> None:
        self._key = key
        self.kid = key.kid
        self.start = start
        self.last_sequence = 0

    def seal(self, plaintext: bytes) -> tuple[int, bytes]:
        """The next sequence, with ciphertext and tag."""
        sequence = self.last_sequence + 1
        sealed = self._key.seal(sequence, plaintext)
        self.last_sequence = sequence
        return sequence, sealed

    def __repr__(self) -> str:
        return f"Epoch({self.kid.hex()}, last_sequence={self.last_sequence})"


def open_epoch(
    hub: str,
    signer: Signer,
    backend_key: SealingKey,
    start: EpochStart,
    previous: Previous | None = None,
) -> tuple[Epoch, bytes]:
    """A new epoch and its signed key record, which must be on flash before anything is sealed."""
    kid, key, base_iv = token_bytes(KID_BYTES), token_bytes(DATA_KEY_BYTES), token_bytes(12)
    enc = backend_key.seal(key, hpke_info(hub, kid))
    record = KeyRecord(hub, kid, backend_key.suite, backend_key.id, enc, base_iv, start, previous)
    return Epoch(DataKey(hub, kid, key, base_iv), start), sign_statement(record, signer)


def sign_statement(statement: Statement, signer: Signer) -> bytes:
    """A key record, a checkpoint or what is gone, as it is published."""
    return _sign1(encode_statement(statement), signer)


def verify_statement(data: bytes, publics: Sequence[bytes]) -> Statement:
    """What the hub states in `data`, signed by one of its keys (Ed25519, 32 bytes each)."""
    return decode_statement(_verify1(data, publics, "statement"))


def verify_key_record(data: bytes, public: bytes) -> KeyRecord:
    """The key record in `data`, signed by the hub of `public` (Ed25519, 32 bytes)."""
    statement = verify_statement(data, [public])
    if not isinstance(statement, KeyRecord):
        raise WireError(f"key record: found a {type(statement).__name__}")
    return statement


def sign_receipt(receipt: Receipt, signer: Signer) -> bytes:
    """A receipt as it is published."""
    return _sign1(encode_receipt(receipt), signer)


def verify_receipt(data: bytes, publics: Sequence[bytes]) -> Receipt:
    """The receipt in `data`, signed by one of the backend's keys (Ed25519, 32 bytes each)."""
    return decode_receipt(_verify1(data, publics, "receipt"))


def sign_answer(answer: Answer, signer: Signer) -> bytes:
    """An answer as it is published."""
    return _sign1(encode_answer(answer), signer)


def verify_answer(data: bytes, publics: Sequence[bytes]) -> Answer:
    """The answer in `data`, signed by one of the backend's keys (Ed25519, 32 bytes each)."""
    return decode_answer(_verify1(data, publics, "answer"))


def encrypt0(kid: bytes, sequence: int, sealed: bytes) -> bytes:
    """The COSE_Encrypt0 that a sealed record stands for; its external_aad is CBOR [1, hub]."""
    partial_iv = sequence.to_bytes((sequence.bit_length() + 7) // 8)
    return _ENCRYPT0 + dump([A256GCM, {4: kid, 6: partial_iv}, sealed])


def _sign1(payload: bytes, signer: Signer) -> bytes:
    signature = signer.sign(_sig_structure(payload))
    return _SIGN1 + dump([_EDDSA, {4: key_id(signer.public())}, payload, signature])


def _verify1(data: bytes, publics: Sequence[bytes], what: str) -> bytes:
    if data[:1] != _SIGN1:
        raise WireError(f"{what}: found no COSE_Sign1")
    protected, unprotected, payload, signature = as_array(
        load(data[1:], what, MAX_MESSAGE_BYTES), what, 4
    )
    if protected != _EDDSA:
        raise WireError(f"{what}: found another algorithm than EdDSA")
    named = as_bytes(as_map(unprotected, f"{what} header", int).get(4), "key id", 8)
    payload = as_bytes(payload, f"{what} payload")
    signature = as_bytes(signature, "signature", 64)
    public = next((public for public in publics if key_id(public) == named), None)
    if public is None:
        raise SealError(f"the {what} is signed by a key that is not pinned here", named)
    verify(public, _sig_structure(payload), signature)
    return payload


def _sig_structure(payload: bytes) -> bytes:
    return dump(["Signature1", _EDDSA, b"", payload])
