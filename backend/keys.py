"""The backend's own keys: made once by `keygen`, read by everything else.

    hpke.key hpke.pub          opens what hubs seal; must live as long as the ledger
    receipt.key receipt.pub    signs receipts
    ca.key ca.crt              signs the certificates below, and those of hubs
    backend.key backend.crt    the backend at the broker
    broker.key broker.crt      the broker itself, where its name is given

Further `hpke*.key`, `hpke*.pub` and `receipt*.pub` beside them are keys around a change.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from backend.certificates import Authority, make_key, private_pem
from backend.errors import KeyExists, KeyUnusable
from uplink.errors import SealError
from uplink.keys import OpeningKey, SealingKey, Signer

BACKEND = "backend"

_Key = TypeVar("_Key")


def make_keys(folder: Path, broker: str | None) -> list[Path]:
    """Make all keys in the folder, and the broker's where its name or IP address is given.

    Raises KeyExists before anything is written.
    """
    opening, receipt = OpeningKey.generate(), Signer.generate()
    authority = Authority.make()
    backend = make_key()
    files = {
        "hpke.key": opening.to_text(),
        "hpke.pub": opening.public().to_text(),
        "receipt.key": receipt.to_text(),
        "receipt.pub": b64encode(receipt.public()).decode() + "\n",
        "ca.key": authority.private_pem(),
        "ca.crt": authority.certificate_pem(),
        "backend.key": private_pem(backend),
        "backend.crt": authority.certify_client(BACKEND, backend.public_key()),
    }
    if broker is not None:
        key = make_key()
        files["broker.key"] = private_pem(key)
        files["broker.crt"] = authority.certify_server(broker, key.public_key())
    paths = {folder / name: text for name, text in files.items()}
    for path in paths:
        if path.exists():
            raise KeyExists(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for path, text in paths.items():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
    except OSError as error:
        raise KeyUnusable(folder, error.strerror or str(error)) from error
    return list(paths)


def load_opening_keys(folder: Path) -> Mapping[bytes, OpeningKey]:
    """The private HPKE keys by their id. Raises KeyUnusable."""
    keys = [_read(path, OpeningKey.from_text) for path in _files(folder, "hpke", "key")]
    return {key.public().id: key for key in keys}


def load_sealing_keys(folder: Path) -> list[SealingKey]:
    """The public HPKE keys that hubs pin. Raises KeyUnusable."""
    return [_read(path, SealingKey.from_text) for path in _files(folder, "hpke", "pub")]


def load_receipt_key(folder: Path) -> Signer:
    """The key that signs receipts. Raises KeyUnusable."""
    return _read(folder / "receipt.key", Signer.from_text)


def load_receipt_publics(folder: Path) -> list[str]:
    """The public receipt keys that hubs pin, each in base64. Raises KeyUnusable."""
    return [_read(path, str.strip) for path in _files(folder, "receipt", "pub")]


def load_authority(folder: Path) -> Authority:
    """The certificate authority. Raises KeyUnusable."""
    certificate = _read(folder / "ca.crt", str.encode)
    return _read(folder / "ca.key", lambda key: Authority.from_pem(key.encode(), certificate))


def _files(folder: Path, name: str, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"{name}*.{suffix}")) or [folder / f"{name}.{suffix}"]


def _read(path: Path, parse: Callable[[str], _Key]) -> _Key:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyUnusable(path, error.strerror or str(error)) from error
    except (ValueError, SealError) as error:
        raise KeyUnusable(path, str(error)) from error
