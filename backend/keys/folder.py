"""The backend's own keys: made by keygen, read by everything else. Their lives: docs/keys.md.

    hpke.key hpke.pub          opens what hubs seal; must live as long as the ledger
    receipt.key receipt.pub    signs receipts
    ca.key ca.crt ca.crl       signs the certificates below, those of hubs, and the list of revoked
    backend.key backend.crt    the backend at the broker
    broker.key broker.crt      the broker itself, where its name is given

`hpke-2.key` and so on, up by one, are keys that were added: the greatest number is the newest, any
other name that begins so is older than all. `ca.crt` and `ca.crl` hold those of every authority.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from backend.errors import KeyUnusable
from backend.keys.certificates import Authority
from uplink.errors import SealError
from uplink.keys import OpeningKey, SealingKey, Signer

REVOKED = "ca.crl"
AUTHORITIES = "ca.crt"

_Key = TypeVar("_Key")


def load_opening_keys(folder: Path) -> Mapping[bytes, OpeningKey]:
    """The private HPKE keys by their id. Raises KeyUnusable."""
    keys = {path: read_key(path, OpeningKey.from_text) for path in key_files(folder, "hpke", "key")}
    for path, key in keys.items():
        _compare(path, lambda text: SealingKey.from_text(text).data, key.public().data)
    return {key.public().id: key for key in keys.values()}


def load_sealing_keys(folder: Path) -> list[SealingKey]:
    """The public HPKE keys that hubs pin, the newest first. Raises KeyUnusable."""
    return [read_key(path, SealingKey.from_text) for path in key_files(folder, "hpke", "pub")]


def load_receipt_keys(folder: Path) -> list[Signer]:
    """The keys that sign receipts, the newest first. Raises KeyUnusable."""
    keys = {path: read_key(path, Signer.from_text) for path in key_files(folder, "receipt", "key")}
    for path, key in keys.items():
        _compare(path, _read_public, key.public())
    return list(keys.values())


def load_receipt_publics(folder: Path) -> list[bytes]:
    """The public receipt keys that hubs pin, the newest first. Raises KeyUnusable."""
    return [read_key(path, _read_public) for path in key_files(folder, "receipt", "pub")]


def load_authority(folder: Path) -> Authority:
    """The newest certificate authority. Raises KeyUnusable."""
    return load_authorities(folder)[0]


def load_trust(folder: Path) -> str:
    """The certificates of all authorities in PEM, the newest first. Raises KeyUnusable."""
    return read_key(folder / AUTHORITIES, str)


def load_authorities(folder: Path) -> list[Authority]:
    """All certificate authorities, the newest first. Raises KeyUnusable."""
    trust = load_trust(folder).encode()
    return [
        read_key(path, lambda key: Authority.from_pem(key.encode(), trust))
        for path in key_files(folder, "ca", "key")
    ]


def key_files(folder: Path, name: str, suffix: str) -> list[Path]:
    """The files of a kind of key, the newest first; where there is none, the first one's path."""
    found = sorted(folder.glob(f"{name}*.{suffix}"), key=lambda path: (key_number(path), path.name))
    return found[::-1] or [folder / f"{name}.{suffix}"]


def key_number(path: Path) -> int:
    """How new a key is among those of its kind."""
    match = re.fullmatch(r"[a-z]+(?:-([1-9][0-9]{0,8}))?", path.stem)
    return int(match[1] or 1) if match else 0


def read_key(path: Path, parse: Callable[[str], _Key]) -> _Key:
    """What `parse` makes of the file. Raises KeyUnusable."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyUnusable(path, error.strerror or str(error)) from error
    except (ValueError, SealError) as error:
        raise KeyUnusable(path, str(error)) from error


def _read_public(text: str) -> bytes:
    return b64decode(text.strip(), validate=True)


def _compare(path: Path, parse: Callable[[str], bytes], public: bytes) -> None:
    """Raise KeyUnusable where the public key beside a private one is not its own.

    A damaged private key is a good one too: of nobody.
    """
    beside = path.with_suffix(".pub")
    if beside.exists() and read_key(beside, parse) != public:
        raise KeyUnusable(path, f"{beside.name} is another's: one of them is damaged")
