"""Opening what was sealed to one public key, as uplink/sealed_file.py lays it out."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.errors import SealedFileRefused
from uplink.errors import SealError
from uplink.keys import OpeningKey, SealingKey
from uplink.sealed_file import CHUNK_BYTES, INFO, MAGIC, chunk_nonce, seal

__all__ = ["seal", "unseal"]

_TAG_BYTES = 16
_ID_BYTES = 8
_LONGEST_ENC_BYTES = 4096


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
        aead = AESGCM(key.open(enc, INFO))
    except (SealError, ValueError) as error:
        raise SealedFileRefused(path, "its key does not open: it was altered") from error
    number, sealed = 0, file.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = file.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            part = aead.decrypt(chunk_nonce(number, is_last=not following), sealed, header)
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
