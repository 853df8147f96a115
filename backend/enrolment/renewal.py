"""What a hub has from the office, told again when it has become other: by hand, or over the air."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from backend.errors import KeyUnusable
from backend.keys.certificates import (
    Authority,
    PublicKey,
    as_der,
    is_due,
    public_key_in,
    read_request,
)
from backend.keys.folder import (
    AUTHORITIES,
    load_authority,
    load_receipt_keys,
    load_receipt_publics,
    load_sealing_keys,
    load_trust,
)
from backend.tables import hub, hub_certificate
from uplink.answers import Answer, Told
from uplink.errors import WireError
from uplink.keys import Signer
from uplink.statements import Request
from uplink.wire import key_id


class Office(NamedTuple):
    """What every hub is told; without an authority no certificate is renewed."""

    trust: tuple[bytes, ...]
    hpke: tuple[tuple[int, bytes], ...]
    receipt_keys: tuple[bytes, ...]
    authority: Authority | None


class Renewal:
    """Answers requests, and knows by which key each hub believes a receipt.

    Where the certificates of the authorities do not lie beside the keys nothing is answered; where
    an authority's key does not, no certificate is renewed over the air.
    """

    def __init__(self, folder: Path) -> None:
        """Read the keys. Raises KeyUnusable."""
        self._signers = load_receipt_keys(folder)
        self._office = _load_office(folder) if (folder / AUTHORITIES).exists() else None

    def signer_for(self, receipt_keys: Sequence[bytes]) -> Signer:
        """The newest key that the hub says it believes; before it says so, the oldest of all."""
        for signer in self._signers:
            if key_id(signer.public()) in receipt_keys:
                return signer
        return self._signers[-1]

    def answer(self, connection: Connection, request: Request, now_ms: int) -> Answer | None:
        """What the hub has not got yet; None if it has everything.

        Raises WireError for a request in which no certificate is asked for, and for one by a TLS
        key that no certificate was made for: a new key is enrolled by hand.
        """
        office = self._office
        if office is None:
            return None
        try:
            name, tls_key = read_request(request.csr)
        except ValueError as error:
            raise WireError(f"certificate request: {error}") from error
        if name != request.hub:
            raise WireError("certificate request: found another name than the hub's")
        if not find_certificates(connection, request.hub, tls_key):
            raise WireError("certificate request: found a key that was not enrolled")
        certificate = certify(connection, office.authority, request.hub, tls_key, now_ms)
        told = Told(as_der(certificate)[0], office.trust, office.hpke, office.receipt_keys)
        if told.id == request.told:
            return None
        return Answer(request.hub, now_ms, told, request.id)


def _load_office(folder: Path) -> Office:
    try:
        trust = tuple(as_der(load_trust(folder)))
    except ValueError as error:
        raise KeyUnusable(folder / AUTHORITIES, str(error)) from error
    return Office(
        trust,
        tuple((key.suite, key.data) for key in load_sealing_keys(folder)),
        tuple(load_receipt_publics(folder)),
        load_authority(folder) if any(folder.glob("ca*.key")) else None,
    )


def find_certificates(connection: Connection, name: str, tls_key: PublicKey) -> list[str]:
    """The certificates in PEM that the hub was given for this key, the newest first."""
    table = hub_certificate
    given = select(table.c.certificate).where(table.c.hub == name).order_by(table.c.id.desc())
    newest = select(hub.c.certificate).where(hub.c.id == name, hub.c.certificate != "")
    every = (str(pem) for query in (given, newest) for pem in connection.scalars(query))
    return [pem for pem in every if public_key_in(pem) == tls_key]


def certify(
    connection: Connection,
    authority: Authority | None,
    name: str,
    tls_key: PublicKey,
    now_ms: int,
) -> str:
    """The hub's certificate for its key, in PEM: one with a third of its life left, or a new one.

    Without an authority it is the newest there is; where there is none it raises KeyUnusable.
    """
    fitting = find_certificates(connection, name, tls_key)
    if fitting and (authority is None or not is_due(fitting[0])):
        return fitting[0]
    if authority is None:
        raise KeyUnusable(Path("ca.key"), "no such file")
    certificate = authority.certify_hub(name, tls_key)
    row = {"hub": name, "certificate": certificate, "issued_ms": now_ms}
    connection.execute(insert(hub_certificate).values(row))
    connection.execute(update(hub).where(hub.c.id == name).values(certificate=certificate))
    return certificate
