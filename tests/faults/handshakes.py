"""Brokers that are not ours: before the handshake has proved one, no byte of a record leaves."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from backend.keys.certificates import make_key, private_pem
from simulator.proxy import CountingProxy
from tests.fakes.pki import Authority
from tests.faults.rig import Rig
from tests.faults.run import Result, Run, conclude

ATTEMPTS = 2
READINGS = 5


class Stranger:
    """A TLS server that counts handshakes begun and bytes that came through one."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.attempts = 0
        self.bytes_read = 0
        self._context = context

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        with suppress(OSError, ssl.SSLError):
            await writer.start_tls(self._context)
            while data := await reader.read(65536):
                self.bytes_read += len(data)
        writer.close()


async def strange_brokers(run: Run) -> Result:
    """Each in turn stands where the broker was; after each the hub recovers by itself."""
    injected, read = 0, 0
    async with Rig(run.folder) as rig, CountingProxy(rig.broker_port) as proxy:
        rig.hub.broker_port = proxy.port
        rig.hub.write_settings()
        await rig.start()
        for what, context in _contexts(rig, run.folder).items():
            rig.hub.measure(1)
            await rig.settle()
            # In one life the log would say the same three times a day, and then no more.
            await rig.kill(rig.hub)
            await rig.launch(rig.hub)
            await rig.wait("a new connection", lambda: bool(rig.hub.logged("broker-reached")))
            async with Stranger(context) as stranger:
                proxy.target_port = stranger.port
                proxy.hang_up()
                rig.hub.measure(READINGS)
                tried = lambda there: lambda: there.attempts >= ATTEMPTS  # noqa: E731
                await rig.wait(f"attempts with {what}", tried(stranger))
                await rig.wait("empty meters", lambda: rig.hub.ward.is_empty)
                injected += stranger.attempts
                read += stranger.bytes_read
            lines = rig.hub.logged("broker-not-reached")
            if stranger.bytes_read or len(lines) != 1 or not lines[0]["hint"]:
                found = f"{stranger.bytes_read} bytes left, {len(lines)} log lines"
                return Result(injected, violation=f"{what}: {found}")
            proxy.target_port = rig.broker_port
            proxy.hang_up()
            await rig.settle()
        await _refuse_nameless(rig)
        await rig.stop_hubs()
        return conclude(rig.judge(), injected + 1, f"handshakes refused, {read} bytes of records")


def _contexts(rig: Rig, folder: Path) -> dict[str, ssl.SSLContext]:
    keys, pki = rig.keys, folder / "strangers"
    pki.mkdir()
    foreign = Authority(pki)
    now = datetime.now(UTC)
    old = _serve(keys / "broker.crt", keys / "broker.key")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    ancient = _serve(keys / "broker.crt", keys / "broker.key")
    with suppress(ValueError):
        ancient.minimum_version = ssl.TLSVersion.TLSv1
        ancient.maximum_version = ssl.TLSVersion.TLSv1_1
    demanding = _serve(keys / "broker.crt", keys / "broker.key")
    demanding.load_verify_locations(foreign.certificate)
    demanding.verify_mode = ssl.CERT_REQUIRED
    expired = _issue(rig, pki / "expired", "127.0.0.1", now - timedelta(days=9), now)
    elsewhere = _issue(rig, pki / "elsewhere", "192.0.2.1", now, now + timedelta(days=9))
    return {
        "a certificate of another authority": _serve(*foreign.issue("broker")),
        "a certificate for another name": _serve(*elsewhere),
        "an expired certificate": _serve(*expired),
        "TLS 1.2 at most": old,
        "TLS 1.1 at most": ancient,
        "a demand for a certificate that the hub has not": demanding,
    }


def _issue(rig: Rig, folder: Path, name: str, begin: datetime, end: datetime) -> tuple[Path, Path]:
    """A server's certificate and key by the office's own authority."""
    authority = x509.load_pem_x509_certificate((rig.keys / "ca.crt").read_bytes())
    signing = serialization.load_pem_private_key((rig.keys / "ca.key").read_bytes(), None)
    key = make_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False
        )
        .sign(signing, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_text(private_pem(key))
    return folder / "crt", folder / "key"


def _serve(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def _refuse_nameless(rig: Rig) -> None:
    """The broker ends a handshake without a client's certificate. Raises RuntimeError if not."""
    context = ssl.create_default_context(cafile=str(rig.keys / "ca.crt"))
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.broker_port, ssl=context)
    try:
        await reader.read(1)
    except ssl.SSLError as refused:
        if "CERTIFICATE_REQUIRED" in str(refused):
            return
    finally:
        writer.close()
    raise RuntimeError("the broker took a client without a certificate")
