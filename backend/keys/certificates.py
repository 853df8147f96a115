"""The certificate authority of one installation: certificates for hubs, backend and broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from secrets import token_hex
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEARS = 10
HUB_LIFE = timedelta(days=2 * 365)
CLOCK_SKEW = timedelta(days=1)  # a hub's clock may be behind; one that knows no time waits anyway

_END_OF_LIST = "-----END X509 CRL-----\n"

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey


class Authority:
    """A private key (EC P-256) and its own certificate.

    The certificates of backend and broker end when it ends, those of hubs after two years.
    """

    def __init__(self, key: PrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def make(cls) -> Self:
        """A new authority, for ten years."""
        key = make_key()
        # A name of its own: a broker finds the list of revoked by the authority's name.
        name = _name(f"Vitalpost CA {token_hex(4)}")
        begin = datetime.now(UTC) - CLOCK_SKEW
        end = begin + timedelta(days=365 * YEARS)
        builder = _builder(name, name, key.public_key(), begin, end)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_usage(is_authority=True), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @classmethod
    def from_pem(cls, key: bytes, certificate: bytes) -> Self:
        """The authority of a key, its certificate being one of several. Raises ValueError."""
        try:
            private = serialization.load_pem_private_key(key, None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("not a private key that keygen made") from error
        if not isinstance(private, PrivateKey):
            raise ValueError("not a key on P-256")  # noqa: TRY004  outside input
        for own in x509.load_pem_x509_certificates(certificate):
            if own.public_key() == private.public_key():
                return cls(private, own)
        raise ValueError("no certificate of this key is there")

    def private_pem(self) -> str:
        """The private key, PKCS 8, not encrypted."""
        return private_pem(self._key)

    def certificate_pem(self) -> str:
        """What brokers, hubs and the backend trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def certify_hub(self, name: str, public: PublicKey, life: timedelta = HUB_LIFE) -> str:
        """A client certificate, PEM, with CN `name`; of two years unless said otherwise."""
        return self._sign(self._leaf(name, public, ExtendedKeyUsageOID.CLIENT_AUTH, life))

    def certify_client(self, name: str, public: PublicKey) -> str:
        """A client certificate, PEM, with CN `name`."""
        return self._sign(self._leaf(name, public, ExtendedKeyUsageOID.CLIENT_AUTH))

    def certify_server(self, name: str, public: PublicKey) -> str:
        """A server certificate, PEM, for the host name or IP address `name`."""
        try:
            general: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            general = x509.DNSName(name)
        builder = self._leaf(name, public, ExtendedKeyUsageOID.SERVER_AUTH)
        return self._sign(
            builder.add_extension(x509.SubjectAlternativeName([general]), critical=False)
        )

    def list_revoked(self, revoked: Iterable[x509.Certificate], former: str = "") -> str:
        """A revocation list, PEM, of those in `revoked` that this authority signed.

        What the lists in `former` name stays named. It ends with the authority: once a list has
        ended a broker refuses every hub.
        """
        begin = datetime.now(UTC) - CLOCK_SKEW
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._certificate.subject)
        serials = {one.serial_number: begin for one in revoked if self._has_signed(one)}
        for known in read_revoked(former):
            if known.is_signature_valid(self._key.public_key()):
                serials |= {one.serial_number: one.revocation_date_utc for one in known}
                # A broker that holds both takes the later one, by whole seconds.
                begin = max(begin, known.last_update_utc + timedelta(seconds=1))
        for serial, since in sorted(serials.items()):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        end = self._certificate.not_valid_after_utc
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.last_update(begin).next_update(end).add_extension(issuer, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def _has_signed(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _leaf(
        self,
        name: str,
        public: PublicKey,
        usage: x509.ObjectIdentifier,
        life: timedelta = timedelta(days=365 * YEARS),
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        begin, end = now - CLOCK_SKEW, min(now + life, self._certificate.not_valid_after_utc)
        builder = _builder(_name(name), self._certificate.subject, public, begin, end)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(is_authority=False), True),
            (x509.ExtendedKeyUsage([usage]), False),
            (issuer, False),
        ]
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder

    def _sign(self, builder: x509.CertificateBuilder) -> str:
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


def make_key() -> PrivateKey:
    """A new private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: PrivateKey) -> str:
    """The key as PKCS 8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public_key_in(certificate: str) -> PublicKey:
    """The public key that a PEM certificate speaks of."""
    return _on_curve(x509.load_pem_x509_certificate(certificate.encode()).public_key())


def read_certificates(pem: str) -> list[x509.Certificate]:
    """The certificates in a PEM. Raises ValueError."""
    return x509.load_pem_x509_certificates(pem.encode())


def as_der(pem: str) -> list[bytes]:
    """The certificates in a PEM, as they travel."""
    return [one.public_bytes(serialization.Encoding.DER) for one in read_certificates(pem)]


def is_due(certificate: str, now: datetime | None = None) -> bool:
    """Whether less than a third of the certificate's life is left."""
    (own,) = read_certificates(certificate)
    end = own.not_valid_after_utc
    return end - (now or datetime.now(UTC)) < (end - own.not_valid_before_utc) / 3


def read_revoked(pem: str) -> list[x509.CertificateRevocationList]:
    """The revocation lists in a PEM. Raises ValueError."""
    ends = pem.split(_END_OF_LIST)
    return [x509.load_pem_x509_crl((one + _END_OF_LIST).encode()) for one in ends[:-1]]


def read_request(data: str | bytes) -> tuple[str, PublicKey]:
    """CN and public key of a certificate request, PEM or DER. Raises ValueError."""
    request = (
        x509.load_der_x509_csr(data)
        if isinstance(data, bytes)
        else x509.load_pem_x509_csr(data.encode())
    )
    if not request.is_signature_valid:
        raise ValueError("the certificate request is not signed by its own key")
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("the certificate request names no hub")
    return str(names[0].value), _on_curve(request.public_key())


def _on_curve(key: object) -> PublicKey:
    if not isinstance(key, PublicKey):
        raise ValueError("the certificate's key is not on an elliptic curve")  # noqa: TRY004  outside input
    return key


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: PublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
