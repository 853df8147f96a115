"""Epochs: from a key record to the key that opens what was sealed under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

from uplink.cbor import dump
from uplink.errors import SealError, WireError
from uplink.keys import DataKey
from uplink.records import EpochStart, Record
from uplink.seal import verify_statement
from uplink.statements import KeyRecord

CACHED_EPOCHS = 4096


class Epoch(NamedTuple):
    """An epoch that is in the ledger under `id`, with the key that opens its records."""

    id: int
    hub: str
    kid: bytes
    start: EpochStart
    key: DataKey
    boot: bytes
    """The hub's boot: hubs on one kernel share its boot id and need not share their clocks."""


class Opened(NamedTuple):
    """A record of an epoch, opened."""

    epoch: Epoch
    sequence: int
    record: Record


class Opens(Protocol):
    """What opens a key record: one of the backend's private keys, or whoever was told its data key.

    `reveal` gives the data key itself, which only evidence is to hold.
    """

    def open_key(self, record: KeyRecord) -> DataKey: ...  # noqa: D102  said above

    def reveal(self, record: KeyRecord) -> bytes: ...  # noqa: D102  said above


class Opener:
    """Opens key records with the backend's private keys; the last few thousand stay open."""

    def __init__(self, keys: Mapping[bytes, Opens]) -> None:
        self._keys = keys
        # By the bytes of the key record and the hub's keys, so that a row that was rolled back,
        # or a hub enrolled anew, can never lend its key to another.
        self._open_once = lru_cache(CACHED_EPOCHS)(self._open)

    def open(self, data: bytes, sign_keys: Sequence[bytes]) -> tuple[KeyRecord, DataKey]:
        """The key record that one of the hub's keys signed, and its data key.

        Raises WireError or SealError.
        """
        return self._open_once(data, tuple(sign_keys))

    def reveal(self, record: KeyRecord) -> bytes:
        """The data key of an epoch, in the clear: for evidence. Raises SealError."""
        return self._key_for(record).reveal(record)

    def _open(self, data: bytes, sign_keys: tuple[bytes, ...]) -> tuple[KeyRecord, DataKey]:
        record = verify_statement(data, sign_keys)
        if not isinstance(record, KeyRecord):
            raise WireError(f"key record: found a {type(record).__name__}")
        return record, self._key_for(record).open_key(record)

    def _key_for(self, record: KeyRecord) -> Opens:
        key = self._keys.get(record.backend_key)
        if key is None:
            raise SealError("the data key is sealed to a key that is not here", record.backend_key)
        return key


def make_epoch(number: int, record: KeyRecord, key: DataKey) -> Epoch:
    """The epoch of a key record under its number in the ledger."""
    boot = sha256(dump([record.hub, record.start.boot])).digest()[:16]
    return Epoch(number, record.hub, record.kid, record.start, key, boot)
