"""The file of a package: a zip of plain, uncompressed entries, the same bytes for the same files.

Nothing is compressed, so that no version of a compressor shows in it and no entry can be more than
it seems. `manifest.json` is first and names every other file with its SHA-256 and its size; the
SHA-256 of the manifest itself names the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from backend.errors import PackageUnusable
from backend.evidence_package.rows import as_document

MANIFEST = "manifest.json"
MAX_BYTES = 512 * 1024 * 1024
MAX_FILES = 200
_NAME = re.compile(r"(?:[a-z_]{1,40}/)?[a-z_]{1,40}\.(?:json|jsonl|html|txt)")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_UNIX = 3
_OWNER_ONLY = 0o600 << 16
_ENCRYPTED = 1


def pack(files: Mapping[str, bytes]) -> bytes:
    """The package of these files."""
    found = BytesIO()
    with ZipFile(found, "w", ZIP_STORED) as archive:
        for name, data in ((MANIFEST, make_manifest(files)), *sorted(files.items())):
            entry = ZipInfo(name, _WHEN)
            entry.create_system, entry.external_attr = _UNIX, _OWNER_ONLY
            archive.writestr(entry, data)
    return found.getvalue()


def make_manifest(files: Mapping[str, bytes]) -> bytes:
    """What `manifest.json` says of the other files."""
    said = {
        name: {"bytes": len(data), "sha256": sha256(data).hexdigest()}
        for name, data in files.items()
    }
    return as_document({"files": said})


def name_package(manifest: bytes) -> str:
    """The SHA-256 by which people refer to a package."""
    return sha256(manifest).hexdigest()


def unpack(path: Path) -> tuple[dict[str, bytes], str]:
    """The files of a package, each as its manifest says, and its name. Raises PackageUnusable."""
    try:
        files = _read(path)
    except OSError as error:
        raise PackageUnusable(path, error.strerror or str(error)) from error
    except (BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise PackageUnusable(path, f"it is damaged, or no zip: {error}") from error
    manifest = files.pop(MANIFEST, None)
    if manifest is None:
        raise PackageUnusable(path, "it has no manifest.json: it is no package of evidence")
    if manifest != make_manifest(files):
        raise PackageUnusable(path, _tell_difference(manifest, files))
    return files, name_package(manifest)


def _read(path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_FILES or sum(of.file_size for of in entries) > MAX_BYTES:
            raise PackageUnusable(path, "it holds more than a package does")
        for entry in entries:
            if not _NAME.fullmatch(entry.filename) or entry.filename in files:
                raise PackageUnusable(path, f"it has a file {entry.filename[:60]!a}")
            is_plain = entry.compress_type == ZIP_STORED and not entry.flag_bits & _ENCRYPTED
            if not is_plain or entry.compress_size != entry.file_size:
                raise PackageUnusable(path, f"{entry.filename} is compressed or encrypted")
            files[entry.filename] = archive.read(entry)
    return files


def _tell_difference(manifest: bytes, files: Mapping[str, bytes]) -> str:
    """Which file is not the one that the manifest names."""
    try:
        said = json.loads(manifest)["files"]
        hashes = {name: of["sha256"] for name, of in said.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "its manifest.json cannot be read"
    for name in sorted(hashes.keys() | files.keys()):
        if name not in files:
            return f"{name[:60]!a} is missing"
        if hashes.get(name) != sha256(files[name]).hexdigest():
            return f"{name} is not the one that manifest.json names"
    return "its manifest.json is written in another way"
