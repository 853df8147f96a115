"""The hub's keys and certificates: files of one folder, on a hub given by systemd."""

from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.errors import ConfigError, ConfigErrors
from gateway.identity import digests
from gateway.identity.digests import Installed
from uplink.errors import SealError
from uplink.keys import X25519, X_WING, SealingKey, Signer

SIGN_KEY = "hub.sign.key"
TLS_KEY = "hub.tls.key"
TLS_CERTIFICATE = "hub.tls.crt"
BROKER_CA = "broker.ca.crt"
SEALING_KEYS = "backend.hpke.pub"
RECEIPT_KEYS = "backend.receipt.pub"
TOLD_AT = "office.time"
NEXT = ".next"
"""The ending of a key that was made to follow the present one, until the office's answer to it."""

SUITES = {"x-wing": X_WING, "x25519": X25519}
ED25519_BYTES = 32
REQUEST = "Run `vitalpost provision request` and have the office enrol this hub."
NO_SUITE = (
    "Have the office make a key of this suite (`vitalpost-backend keygen DIR --add hpke --suite …`)"
    " and install its answer to this hub's request, or take a suite that it has."
)
INSTALL = "Run `vitalpost provision install` with the office's answer to this hub's request."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the hub signs with, seals to and believes; TLS reads its own files."""

    signer: Signer
    sealing_keys: tuple[SealingKey, ...]
    receipt_keys: tuple[bytes, ...]
    tls_key: Path
    tls_certificate: Path
    broker_ca: Path
    told_ms: int
    """The office's time of its answer."""

    def sealing_key(self, suite: str) -> SealingKey:
        """The key to seal to: the first of its suite, as a key before it follows during a change.

        Raises ConfigErrors where the office has given none.
        """
        for key in self.sealing_keys:
            if key.suite == SUITES[suite]:
                return key
        numbers = {key.suite for key in self.sealing_keys}
        names = ", ".join(name for name, number in SUITES.items() if number in numbers)
        wanted = f"a suite of which the office has given a key: {names}"
        raise ConfigErrors([ConfigError("hub.suite", repr(suite), wanted, NO_SUITE)])


def load_credentials(folder: Path) -> Credentials:
    """All of them, as they were installed. Raises ConfigErrors that name each file at fault."""
    faults: list[ConfigError] = []
    installed = Installed(0)

    def take(name: str, parse: Callable[[str], T], wanted: str, hint: str) -> T | None:
        path = folder / name
        try:
            text = path.read_text("utf-8")
            parsed = parse(text)
            if installed.is_as_installed(name, text):
                return parsed
            found = "another text than was installed"
        except OSError as error:
            found = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            found = "bytes that are no text"
        except (SealError, ValueError) as error:
            found = str(error)
        faults.append(ConfigError(str(path), found, wanted, hint))
        return None

    wanted = "UTC in ms since 1970, with digests of what was installed"
    installed = take(TOLD_AT, digests.parse, wanted, INSTALL) or installed
    signer = take(SIGN_KEY, Signer.from_text, "an Ed25519 private key in PEM", REQUEST)
    sealing_keys = take(
        SEALING_KEYS, parse_sealing_keys, "lines of an HPKE suite and a key in base64", INSTALL
    )
    receipt_keys = take(
        RECEIPT_KEYS,
        parse_receipt_keys,
        "lines of an Ed25519 key in base64, 32 bytes each",
        INSTALL,
    )
    take(TLS_KEY, _find_pem, "a private key in PEM", REQUEST)
    take(TLS_CERTIFICATE, _find_pem, "the hub's certificate in PEM", INSTALL)
    take(BROKER_CA, _find_pem, "the broker's authority in PEM", INSTALL)
    if not faults:
        faults += _check_tls(folder)
    if faults or not (signer and sealing_keys and receipt_keys):
        raise ConfigErrors(faults)
    return Credentials(
        signer,
        tuple(sealing_keys),
        receipt_keys,
        folder / TLS_KEY,
        folder / TLS_CERTIFICATE,
        folder / BROKER_CA,
        installed.told_ms,
    )


def parse_sealing_keys(text: str) -> list[SealingKey]:
    """The keys in lines of "suite base64". Raises SealError, ValueError if there is none."""
    keys = [SealingKey.from_text(line) for line in text.splitlines() if line.strip()]
    if not keys:
        raise ValueError("no key")
    return keys


def parse_receipt_keys(text: str) -> tuple[bytes, ...]:
    """The raw Ed25519 keys in lines of base64. Raises ValueError."""
    try:
        keys = tuple(b64decode(line, validate=True) for line in text.split())
    except ValueError:
        raise ValueError("a line that is no base64") from None
    sizes = {len(key) for key in keys}
    if sizes != {ED25519_BYTES}:
        raise ValueError(f"keys of {sorted(sizes)} bytes" if keys else "no key")
    return keys


def _find_pem(text: str) -> str:
    if "-----BEGIN " not in text:
        raise ValueError("no PEM")
    return text


def _check_tls(folder: Path) -> list[ConfigError]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    faults = []
    try:
        context.load_cert_chain(folder / TLS_CERTIFICATE, folder / TLS_KEY)
    except ssl.SSLError:
        path, wanted = str(folder / TLS_CERTIFICATE), f"the certificate that belongs to {TLS_KEY}"
        faults.append(ConfigError(path, "another one", wanted, INSTALL))
    try:
        context.load_verify_locations(folder / BROKER_CA)
    except ssl.SSLError:
        path = str(folder / BROKER_CA)
        faults.append(ConfigError(path, "no certificate", "the broker's authority in PEM", INSTALL))
    return faults
