"""X.509 on the hub: its TLS key, the request for its certificate, and whose a certificate is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from uplink.tls import Span

TlsKey = ec.EllipticCurvePrivateKey


def make_tls_key() -> str:
    """A new private key on P-256, PKCS 8 in PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def load_tls_key(text: str) -> TlsKey:
    """The private key in a PEM. Raises ValueError."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the TLS key cannot be used") from error
    if not isinstance(key, TlsKey):
        raise ValueError("the TLS key is not on an elliptic curve")  # noqa: TRY004  outside input
    return key


def make_csr(hub: str, key: TlsKey) -> bytes:
    """The request for the hub's certificate, PKCS 10 in DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hub)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def csr_as_pem(csr: bytes) -> str:
    """The same request in PEM."""
    return x509.load_der_x509_csr(csr).public_bytes(serialization.Encoding.PEM).decode()


def ends_at(der: bytes) -> datetime:
    """Until when a certificate holds. Raises ValueError."""
    return x509.load_der_x509_certificate(der).not_valid_after_utc


def as_der(pem: str) -> tuple[bytes, ...]:
    """The certificates in a PEM, in DER. Raises ValueError."""
    ones = x509.load_pem_x509_certificates(pem.encode())
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in ones)


def as_pem(ders: Sequence[bytes]) -> str:
    """Certificates in DER as one PEM. Raises ValueError."""
    ones = (x509.load_der_x509_certificate(der) for der in ders)
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in ones)


def name_owners(der: bytes) -> list[str]:
    """The common names of a certificate: the hub's id, alone. Raises ValueError."""
    subject = x509.load_der_x509_certificate(der).subject
    return [str(name.value) for name in subject if name.oid == NameOID.COMMON_NAME]


def find_fault(der: bytes, hub: str, key: TlsKey, present: Span | None = None) -> str:
    """Why a certificate is not this hub's; empty where it is. `present`: it may hold in it."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        public = certificate.public_key()
        names = [name.value for name in certificate.subject if name.oid == NameOID.COMMON_NAME]
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm):
        return "its certificate cannot be read"
    if public != key.public_key():
        return "its certificate is for another key than this hub's"
    if names != [hub]:
        return "its certificate names another hub"
    if present and not present.meets(Span(begins.timestamp(), ends.timestamp())):
        return f"its certificate holds from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
    return ""
