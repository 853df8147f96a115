"""The keys: Ed25519 to sign, HPKE for the key of an epoch, AES-256-GCM for its records.

Private keys as text say what they are for: PEM for Ed25519, one line for HPKE. An X-Wing private
key is the 32-byte seed of draft-connolly-cfrg-xwing-kem; its public key is that of ML-KEM-768
(1184 bytes), then that of X25519 (32 bytes). Nothing here shows a private key, in `repr` or error.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import shake_256
from secrets import token_bytes
from typing import Self

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from uplink.cbor import dump
from uplink.errors import SealError
from uplink.statements import KeyRecord
from uplink.wire import FORMAT, MAX_SEQUENCE, key_id

X_WING = 0x647A
X25519 = 0x0020
"""HPKE KEM ids (IANA); X-Wing is ML-KEM-768 with X25519."""

A256GCM = b"\xa1\x01\x03"
"""Protected header of a COSE_Encrypt0: {1: 3}."""

DATA_KEY_BYTES = 32

_SUITES = {
    X_WING: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    X25519: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}
_PUBLIC_BYTES = {X_WING: 1184 + 32, X25519: 32}
_PRIVATE_BYTES = 32
_OPENING_KEY = "vitalpost-opening-key"
_AS_WRITTEN = "Install the key file again exactly as it was written."


class Signer:
    """An Ed25519 private key: the hub's for key records, the backend's for receipts."""

    __slots__ = ("_private",)

    def __init__(self, private: bytes) -> None:
        _check_length(private, _PRIVATE_BYTES, "the Ed25519 private key")
        self._private = Ed25519PrivateKey.from_private_bytes(private)

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        return cls(token_bytes(_PRIVATE_BYTES))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key in a PEM (PKCS 8, not encrypted)."""
        try:
            key = serialization.load_pem_private_key(text.encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SealError("the signing key is no PEM of PKCS 8", hint=_AS_WRITTEN) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SealError("the signing key is not of Ed25519", hint=_AS_WRITTEN)
        return cls(key.private_bytes_raw())

    def to_text(self) -> str:
        """PEM (PKCS 8, not encrypted)."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """The bare signature, 64 bytes."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"Signer({key_id(self.public()).hex()})"


class SealingKey:
    """The backend's HPKE public key: `data` as serialised, `suite` its KEM, `id` its name."""

    __slots__ = ("_key", "data", "id", "suite")

    def __init__(self, suite: int, data: bytes) -> None:
        _check_length(data, _public_bytes(suite), f"the public key of suite 0x{suite:04x}")
        self.suite = suite
        self.data = data
        self.id = key_id(data)
        try:
            x25519 = X25519PublicKey.from_public_bytes(data[-32:])
            self._key: MLKEM768X25519PublicKey | X25519PublicKey = (
                MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(data[:-32]), x25519)
                if suite == X_WING
                else x25519
            )
            self.seal(b"", b"")
        except ValueError as error:
            raise SealError("nothing can be sealed to this key", self.id, _AS_WRITTEN) from error

    @classmethod
    def from_text(cls, line: str) -> Self:
        """The key in one line, "0x647a BASE64"."""
        return cls(*_read_key(line, []))

    def to_text(self) -> str:
        """One line of suite and base64."""
        return _write_key(self.suite, self.data)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """HPKE enc || ct in base mode, with an empty aad."""
        return _SUITES[self.suite].encrypt(plaintext, self._key, info)

    def __repr__(self) -> str:
        return f"SealingKey(0x{self.suite:04x}, {self.id.hex()})"


class OpeningKey:
    """The backend's HPKE private key; it must live as long as what was sealed to it."""

    __slots__ = ("_key", "_private", "_public")

    def __init__(self, suite: int, private: bytes) -> None:
        _public_bytes(suite)
        _check_length(private, _PRIVATE_BYTES, "the HPKE private key")
        self._private = private
        self._key, public = _derive(suite, private)
        self._public = SealingKey(suite, public)

    @classmethod
    def generate(cls, suite: int = X_WING) -> Self:
        """A new key."""
        return cls(suite, token_bytes(_PRIVATE_BYTES))

    @classmethod
    def from_text(cls, line: str) -> Self:
        """The key in the line that `to_text` gave."""
        return cls(*_read_key(line, [_OPENING_KEY]))

    def to_text(self) -> str:
        """One line that says what it is: "vitalpost-opening-key 0x647a BASE64"."""
        return f"{_OPENING_KEY} {_write_key(self._public.suite, self._private)}"

    def public(self) -> SealingKey:
        """What the hubs pin."""
        return self._public

    def open_key(self, record: KeyRecord) -> DataKey:
        """The data key in a key record, whose signature the caller has verified."""
        return DataKey(record.hub, record.kid, self.reveal(record), record.base_iv)

    def reveal(self, record: KeyRecord) -> bytes:
        """The same key as its 32 bytes: what opens the records of one epoch, for evidence."""
        if (record.suite, record.backend_key) != (self._public.suite, self._public.id):
            raise SealError("the data key is sealed to another key", record.backend_key)
        info = hpke_info(record.hub, record.kid)
        try:
            return self.open(record.enc, info)
        except SealError as error:
            raise SealError("the key record does not open", record.kid) from error

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What `SealingKey.seal` was given. Raises SealError."""
        try:
            return _SUITES[self._public.suite].decrypt(sealed, self._key, info)
        except InvalidTag as error:
            raise SealError("what was sealed does not open", self._public.id) from error

    def derive(self, purpose: bytes) -> bytes:
        """32 bytes that only who has this key can know: HKDF-SHA256, `purpose` as its info."""
        return HKDF(SHA256(), length=DATA_KEY_BYTES, salt=None, info=purpose).derive(self._private)

    def __repr__(self) -> str:
        return f"OpeningKey(0x{self._public.suite:04x}, {self._public.id.hex()})"


class DataKey:
    """The key of one epoch; seals and opens by sequence."""

    __slots__ = ("_aead", "_base_iv", "_enc_structure", "hub", "kid")

    def __init__(self, hub: str, kid: bytes, key: bytes, base_iv: bytes) -> None:
        _check_length(key, DATA_KEY_BYTES, "the data key")
        self.hub = hub
        self.kid = kid
        self._aead = AESGCM(key)
        self._base_iv = int.from_bytes(base_iv)
        self._enc_structure = dump(["Encrypt0", A256GCM, dump([FORMAT, hub])])

    def seal(self, sequence: int, plaintext: bytes) -> bytes:
        """Ciphertext and tag. Never call it twice with one sequence: `Epoch` sees to that."""
        return self._aead.encrypt(self._nonce(sequence), plaintext, self._enc_structure)

    def open(self, sequence: int, sealed: bytes) -> bytes:
        """The plaintext. Raises SealError unless hub, kid, sequence and bytes are as sealed."""
        try:
            return self._aead.decrypt(self._nonce(sequence), sealed, self._enc_structure)
        except InvalidTag as error:
            raise SealError(f"record {sequence} does not open", self.kid) from error

    def _nonce(self, sequence: int) -> bytes:
        if not 1 <= sequence <= MAX_SEQUENCE:
            raise SealError(f"an epoch has no sequence {sequence}", self.kid)
        return (self._base_iv ^ sequence).to_bytes(12)

    def __repr__(self) -> str:
        return f"DataKey({self.hub}, {self.kid.hex()})"


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Raise SealError unless `signature` over `data` is by the Ed25519 key `public`."""
    _check_length(public, 32, "the Ed25519 public key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature as error:
        raise SealError("the signature is not by the key it names", key_id(public)) from error


def hpke_info(hub: str, kid: bytes) -> bytes:
    """What a sealed data key is bound to: format version, hub and epoch."""
    return dump([FORMAT, hub, kid])


def _derive(
    suite: int, private: bytes
) -> tuple[MLKEM768X25519PrivateKey | X25519PrivateKey, bytes]:
    # The private key and the public bytes; for X-Wing the draft's expandDecapsulationKey.
    expanded = shake_256(private).digest(96) if suite == X_WING else private
    x25519 = X25519PrivateKey.from_private_bytes(expanded[-32:])
    public = x25519.public_key().public_bytes_raw()
    if suite == X25519:
        return x25519, public
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    key = MLKEM768X25519PrivateKey(mlkem, x25519)
    return key, mlkem.public_key().public_bytes_raw() + public


def _public_bytes(suite: int) -> int:
    if suite not in _PUBLIC_BYTES:
        known = ", ".join(f"0x{known:04x}" for known in _PUBLIC_BYTES)
        raise SealError(f"found suite {suite}, wanted one of {known}", hint=_AS_WRITTEN)
    return _PUBLIC_BYTES[suite]


def _check_length(data: bytes, wanted: int, what: str) -> None:
    if len(data) != wanted:
        found = f"{what}: found {len(data)} bytes, wanted {wanted}"
        raise SealError(found, hint=_AS_WRITTEN)


def _write_key(suite: int, data: bytes) -> str:
    return f"0x{suite:04x} {b64encode(data).decode()}\n"


def _read_key(line: str, label: list[str]) -> tuple[int, bytes]:
    try:
        *found, suite, data = line.split()
        if found == label:
            return int(suite, 0), b64decode(data, validate=True)
    except ValueError:
        # `from None`: int() quotes what it could not read, which may be the key.
        raise SealError("the key is not a line of suite and base64", hint=_AS_WRITTEN) from None
    raise SealError("the key is of another purpose", hint=_AS_WRITTEN)
