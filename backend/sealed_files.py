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
from io import BytesIO
from pathlib import Path
from secrets import token_bytes
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.errors import SealedFileRefused
from uplink.cbor import dump
from uplink.errors import SealError
from uplink.keys import OpeningKey, SealingKey

MAGIC = b"vitalpost sealed 1\n"
CHUNK_BYTES = 64 * 1024
_TAG_BYTES = 16
_KEY_BYTES = 32
_ID_BYTES = 8
_LONGEST_ENC_BYTES = 4096
_INFO = dump(["vitalpost sealed file", 1])


def seal(parts: Iterable[bytes], to: SealingKey) -> Iterator[bytes]:
    """The sealed file of these parts, in pieces; no two alike."""
    key = token_bytes(_KEY_BYTES)
    enc = to.seal(key, _INFO)
    header = MAGIC + to.suite.to_bytes(2) + to.id + len(enc).to_bytes(2) + enc
    aead = AESGCM(key)
    yield header
    number, held = 0, b""
    for part in parts:
        held += part
        # The last chunk is known only once nothing follows it.
        while len(held) > CHUNK_BYTES:
            chunk, held = held[:CHUNK_BYTES], held[CHUNK_BYTES:]
            yield aead.encrypt(_nonce(number, is_last=False), chunk, header)
            number += 1
    yield aead.encrypt(_nonce(number, is_last=True), held, header)


def unseal(path: Path, key: OpeningKey) -> Iterator[bytes]:
    """The parts of the sealed file; hold them back until the last has come.

    Raises SealedFileRefused, also after parts that were sound.
    """
    try:
        with path.open("rb") as file:
            yield from _open(path, file, key)
    except OSError as error:
        raise SealedFileRefused(path, error.strerror or str(error)) from error


def _open(path: Path, file: BinaryIO, key: OpeningKey) -> Iterator[bytes]:
    header, enc = _read_header(path, file, key.public())
    try:
        aead = AESGCM(key.open(enc, _INFO))
    except (SealError, ValueError) as error:
        raise SealedFileRefused(path, "its key does not open: it was altered") from error
    number, sealed = 0, file.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = file.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            part = aead.decrypt(_nonce(number, is_last=not following), sealed, header)
        except (InvalidTag, ValueError) as error:
            what = "it was altered, cut off or put together anew"
            raise SealedFileRefused(path, f"chunk {number} does not open: {what}") from error
        yield part
        if not following:
            return
        number, sealed = number + 1, following


def _read_header(path: Path, file: BinaryIO, mine: SealingKey) -> tuple[bytes, bytes]:
    header = BytesIO(file.read(len(MAGIC) + 2 + _ID_BYTES + 2))
    if header.read(len(MAGIC)) != MAGIC:
        raise SealedFileRefused(path, "it is no file that was sealed here")
    suite, key_id = int.from_bytes(header.read(2)), header.read(_ID_BYTES)
    if (suite, key_id) != (mine.suite, mine.id):
        what = f"it is sealed to the key {key_id.hex()}, this one is {mine.id.hex()}"
        raise SealedFileRefused(path, what)
    length = int.from_bytes(header.read(2))
    enc = file.read(min(length, _LONGEST_ENC_BYTES))
    if len(enc) != length:
        raise SealedFileRefused(path, "it ends within its header")
    return header.getvalue() + enc, enc


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
