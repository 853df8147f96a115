"""A hub's own keys, its request to the office, and what the office answers."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import credentials
from gateway.errors import AnswerRefused, ConfigError
from uplink.errors import SealError
from uplink.keys import SealingKey, Signer

FORMAT = 1
PROOF = b"vitalpost enrol 1\0"
PRIVATE = 0o600


class Request(msgspec.Struct, frozen=True):
    """What the office needs to enrol a hub; `proof` is signed by `sign_key` over hub and csr."""

    format: int
    hub: str
    csr: str
    sign_key: bytes
    proof: bytes


class HpkeKey(msgspec.Struct, frozen=True):
    """One of the backend's keys to seal to."""

    suite: int
    key: bytes


class Answer(msgspec.Struct, frozen=True):
    """What the office answers: the hub's certificate, and whom the hub believes."""

    format: int
    hub: str
    certificate: str
    broker_ca: str
    hpke: list[HpkeKey]
    receipt: list[bytes]


def make_request(folder: Path, hub: str) -> Request:
    """The request of the hub whose keys lie in `folder`; makes those that are missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sign_key = Signer.from_text(
            _read_or_make(folder / credentials.SIGN_KEY, lambda: Signer.generate().to_text())
        )
        tls_key = _load_tls_key(_read_or_make(folder / credentials.TLS_KEY, _make_tls_key))
    except (OSError, SealError, ValueError) as error:
        hint = "Run it as root; a damaged key is made anew once its file is moved away."
        found = getattr(error, "strerror", None) or str(error)
        raise ConfigError(str(folder), found, "a folder for the hub's keys", hint) from error
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hub)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    csr = request.sign(tls_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    proof = sign_key.sign(PROOF + hub.encode() + b"\0" + csr)
    return Request(FORMAT, hub, csr.decode(), sign_key.public(), proof)


def install_answer(folder: Path, hub: str, data: bytes) -> None:
    """Write the credential files in the office's answer. Raises AnswerRefused: none is written."""
    try:
        answer = msgspec.json.decode(data, type=Answer)
    except msgspec.MsgspecError as error:
        raise AnswerRefused(f"it cannot be read ({error})") from error
    if answer.format != FORMAT:
        raise AnswerRefused(f"its format is {answer.format}, this version knows {FORMAT}")
    if answer.hub != hub:
        raise AnswerRefused(f"it is for hub {answer.hub}, this is {hub}")
    try:
        files = _unpack(answer)
        tls_key = _load_tls_key((folder / credentials.TLS_KEY).read_text("utf-8"))
        certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    except (OSError, SealError, ValueError) as error:
        raise AnswerRefused(str(error)) from error
    if certificate.public_key() != tls_key.public_key():
        raise AnswerRefused("its certificate is for another key than this hub's")
    try:
        for name, text in files.items():
            _replace(folder / name, text)
    except OSError as error:
        found, wanted = error.strerror or str(error), "a folder for the hub's keys"
        raise ConfigError(str(folder), found, wanted, "Run it as root.") from error


def _unpack(answer: Answer) -> dict[str, str]:
    """The files by name, each of them sound."""
    hpke = "".join(SealingKey(key.suite, key.key).to_text() for key in answer.hpke)
    receipt = "".join(f"{b64encode(key).decode()}\n" for key in answer.receipt)
    credentials.parse_sealing_keys(hpke)
    credentials.parse_receipt_keys(receipt)
    x509.load_pem_x509_certificates(answer.broker_ca.encode())
    return {
        credentials.SEALING_KEYS: hpke,
        credentials.RECEIPT_KEYS: receipt,
        credentials.BROKER_CA: answer.broker_ca,
        credentials.TLS_CERTIFICATE: answer.certificate,
    }


def _read_or_make(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made first where there is none, and never written over."""
    if not path.exists():
        _write(path, make(), os.O_EXCL)
    return path.read_text("utf-8")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    _write(new, text, os.O_TRUNC)
    new.replace(path)


def _write(path: Path, text: str, how: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, PRIVATE), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _make_tls_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _load_tls_key(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the TLS key cannot be used") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the TLS key is not on an elliptic curve")  # noqa: TRY004  outside input
    return key
