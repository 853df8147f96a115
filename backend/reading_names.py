"""How the ledger writes a reading's name: as one block of AES-256, under a key that is not in it.

A `reading_id` is a hash over a device and its frame. In the clear beside the device's own time it
could be guessed: there are but some millions of blood pressures. Encrypted it is as unique as
before, finds the same row, and says nothing to who has the database alone. The key is derived from
the private HPKE key with which the ledger was begun, which lives as long as what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Self
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from backend.errors import LedgerKeyMissing
from backend.keys.folder import load_opening_keys
from uplink.keys import OpeningKey

_PURPOSE = b"vitalpost reading_id"
_CHECK = bytes(16)


class ReadingNames:
    """Writes and reads the names of one ledger's readings, by one of these keys.

    `load_keys` is called where a name is needed, not before; the newest key comes first.
    """

    def __init__(self, load_keys: Callable[[], Iterable[OpeningKey]]) -> None:
        self._load_keys = load_keys
        self._path = Path()
        self._check: bytes | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        """By the keys of the backend's folder."""
        return cls(lambda: load_opening_keys(folder).values())

    def begin(self) -> bytes:
        """What a new ledger keeps, to know the newest key by."""
        self._cipher = _cipher(next(iter(self._load_keys())))
        return self.write(_CHECK)

    def expect(self, path: Path, check: bytes) -> None:
        """The ledger at `path` keeps this of the key that it was begun with."""
        self._path, self._check = path, check

    def write(self, reading_id: bytes) -> bytes:
        """As it lies in the ledger. Raises LedgerKeyMissing or KeyUnusable."""
        return self._cipher.encryptor().update(reading_id)

    def read(self, written: bytes) -> bytes:
        """The `reading_id`. Raises LedgerKeyMissing or KeyUnusable."""
        return self._cipher.decryptor().update(written)

    @cached_property
    def _cipher(self) -> Cipher[ECB]:
        for cipher in map(_cipher, self._load_keys()):
            if cipher.encryptor().update(_CHECK) == self._check:
                return cipher
        raise LedgerKeyMissing(self._path)


class ReadingId(TypeDecorator[bytes]):
    """A column of names; SQL compares and sorts them as they lie there."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """To the database."""
        return None if value is None else _lent[dialect].write(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """From the database."""
        return None if value is None else _lent[dialect].read(value)


def lend(names: ReadingNames, dialect: Dialect) -> None:
    """What is read and written through this dialect, each database's own, is named so."""
    _lent[dialect] = names


_lent: WeakKeyDictionary[Dialect, ReadingNames] = WeakKeyDictionary()


def _cipher(key: OpeningKey) -> Cipher[ECB]:
    # A name is one block and none comes twice: what ECB is bad at does not occur.
    return Cipher(AES256(key.derive(_PURPOSE)), ECB())  # noqa: S305
