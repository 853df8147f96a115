"""Making the backend's keys, at first and beside those there are; the list of revoked hubs."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import KeyExists, KeyUnusable
from backend.keys.certificates import Authority, make_key, private_pem, read_certificates
from backend.keys.folder import (
    AUTHORITIES,
    REVOKED,
    key_files,
    key_number,
    load_authorities,
    load_authority,
    load_trust,
    read_key,
)
from backend.outside import sync_folder
from uplink.keys import X_WING, OpeningKey, Signer

BACKEND = "backend"


def make_keys(folder: Path, broker: str | None, suites: Sequence[int] = (X_WING,)) -> list[Path]:
    """Make all keys in the folder, and the broker's where its name or IP address is given.

    Raises KeyExists before anything is written.
    """
    authority = Authority.make()
    files = _make_receipt("receipt") | _make_leaf("backend", authority, None)
    for number, suite in enumerate(suites, 1):
        files |= _make_hpke("hpke" if number == 1 else f"hpke-{number}", suite)
    files |= {"ca.key": authority.private_pem(), AUTHORITIES: authority.certificate_pem()}
    files[REVOKED] = authority.list_revoked([])
    if broker is not None:
        files |= _make_leaf("broker", authority, broker)
    return _write_new(folder, files)


def make_recipient(folder: Path, suite: int = X_WING) -> list[Path]:
    """Make a key pair to which exports can be sealed. Raises KeyExists or KeyUnusable."""
    return _write_new(folder, _make_hpke("recipient", suite))


def add_key(folder: Path, kind: str, broker: str | None = None, suite: int = X_WING) -> list[Path]:
    """Make one more key of a kind (hpke, receipt, backend, broker or ca); those of before stay.

    Raises KeyUnusable.
    """
    name = _next_name(folder, kind)
    if kind == "hpke":
        return _write_new(folder, _make_hpke(name, suite))
    if kind == "receipt":
        return _write_new(folder, _make_receipt(name))
    if kind == "ca":
        return _add_authority(folder, name)
    return _write_new(folder, _make_leaf(name, load_authority(folder), broker))


def renew_revoked(folder: Path, certificates: Sequence[str]) -> Path:
    """Write the list of revoked certificates: these, and those that it names already.

    Raises KeyUnusable: then it is as it was.
    """
    _write_revoked(folder, load_authorities(folder), certificates)
    return folder / REVOKED


def _write_revoked(
    folder: Path, authorities: Sequence[Authority], certificates: Sequence[str]
) -> None:
    path = folder / REVOKED
    former = read_key(path, str) if path.exists() else ""
    try:
        revoked = [one for pem in certificates for one in read_certificates(pem)]
        lists = [one.list_revoked(revoked, former) for one in authorities]
    except ValueError as error:
        raise KeyUnusable(path, str(error)) from error
    _replace(path, "".join(lists))


def _add_authority(folder: Path, name: str) -> list[Path]:
    # Its key comes last: from then on it signs, and a broker must know it and its list.
    authority = Authority.make()
    known = load_authorities(folder)
    _replace(folder / AUTHORITIES, authority.certificate_pem() + load_trust(folder))
    _write_revoked(folder, [authority, *known], [])
    made = _write_new(folder, {f"{name}.key": authority.private_pem()})
    return [*made, folder / AUTHORITIES, folder / REVOKED]


def _make_hpke(name: str, suite: int) -> dict[str, str]:
    key = OpeningKey.generate(suite)
    return {f"{name}.key": key.to_text(), f"{name}.pub": key.public().to_text()}


def _make_receipt(name: str) -> dict[str, str]:
    key = Signer.generate()
    public = b64encode(key.public()).decode() + "\n"
    return {f"{name}.key": key.to_text(), f"{name}.pub": public}


def _make_leaf(name: str, authority: Authority, broker: str | None) -> dict[str, str]:
    key = make_key()
    certificate = (
        authority.certify_client(BACKEND, key.public_key())
        if broker is None
        else authority.certify_server(broker, key.public_key())
    )
    return {f"{name}.key": private_pem(key), f"{name}.crt": certificate}


def _next_name(folder: Path, kind: str) -> str:
    newest = key_number(key_files(folder, kind, "key")[0])
    return f"{kind}-{newest + 1}" if (folder / f"{kind}.key").exists() or newest > 1 else kind


def _write_new(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write files that are not there yet, none of them where one is."""
    paths = {folder / name: text for name, text in files.items()}
    for path in paths:
        if path.exists():
            raise KeyExists(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise KeyUnusable(folder, error.strerror or str(error)) from error
    for path, text in paths.items():
        _replace(path, text)
    return list(paths)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, and onto disk."""
    new = path.with_name(f"{path.name}.new")
    try:
        _write(new, text)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise KeyUnusable(path, error.strerror or str(error)) from error


def _write(path: Path, text: str) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(path, how, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
