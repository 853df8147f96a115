"""A file sealed to one public key: HPKE for the key of the file, AES-256-GCM chunk by chunk.

    file    header, chunk 0, chunk 1, …
    header  MAGIC; HPKE suite, 2 bytes; id of the recipient's key, 8; length of enc || ct, 2; it
    chunk   up to 65,536 bytes and a tag; the nonce is the chunk's number in 11 bytes, then 1 for
            the last chunk and 0 for any other; the header is its additional data

The chunks are STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, CRYPTO 2015), with a key for this one file and laid out as in the
payload of age-encryption.org/v1: so chunks cannot be cut off, swapped, or come of another file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from secrets import token_bytes

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from uplink.cbor import dump
from uplink.keys import SealingKey

MAGIC = b"vitalpost sealed 1\n"
CHUNK_BYTES = 64 * 1024
INFO = dump(["vitalpost sealed file", 1])
_KEY_BYTES = 32


def seal(parts: Iterable[bytes], to: SealingKey) -> Iterator[bytes]:
    """The sealed file of these parts, in pieces; no two alike."""
    key = token_bytes(_KEY_BYTES)
    enc = to.seal(key, INFO)
    header = MAGIC + to.suite.to_bytes(2) + to.id + len(enc).to_bytes(2) + enc
    aead = AESGCM(key)
    yield header
    number, held = 0, b""
    for part in parts:
        held += part
        # The last chunk is known only once nothing follows it.
        while len(held) > CHUNK_BYTES:
            chunk, held = held[:CHUNK_BYTES], held[CHUNK_BYTES:]
            yield aead.encrypt(chunk_nonce(number, is_last=False), chunk, header)
            number += 1
    yield aead.encrypt(chunk_nonce(number, is_last=True), held, header)


def chunk_nonce(number: int, *, is_last: bool) -> bytes:
    """The nonce of a chunk."""
    return number.to_bytes(11) + bytes([is_last])
