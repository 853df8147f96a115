"""Files that are handed out: whole or not there, never over another, sealed to a key on request."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from backend.errors import OutputRefused
from backend.guarding.sealed_files import seal
from backend.keys.folder import read_key
from backend.outside import sync_folder
from uplink.keys import SealingKey

PIECE_BYTES = 1 << 20


def write_export(path: Path, parts: Iterable[bytes], seal_to: Path | None = None) -> None:
    """Write the parts to a new file for its owner alone; on disk when it returns.

    `seal_to` holds the recipient's public key. Whatever the parts raise, nothing stays behind.
    Raises OutputRefused or KeyUnusable.
    """
    to = read_key(seal_to, SealingKey.from_text) if seal_to else None
    if path.exists():
        raise OutputRefused(path, "exists already")
    new = path.with_name(f"{path.name}.new")
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise OutputRefused(path, error.strerror or str(error)) from error
    try:
        with os.fdopen(file, "wb") as stream:
            os.fchmod(file, 0o600)  # one that a crash left may have had another mode
            for part in seal(parts, to) if to else parts:
                stream.write(part)
            stream.flush()
            os.fsync(file)
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise OutputRefused(path, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def read_parts(path: Path) -> Iterable[bytes]:
    """A file, piece by piece."""
    with path.open("rb") as file:
        while part := file.read(PIECE_BYTES):
            yield part
