"""Sign-off: that a person other than the one who counted has looked at a package.

It stands beside the package, in FILE.zip.signed.json, one entry for each person; the package itself
is never changed. It is a statement, bound to the package by its SHA-256, and no signature of keys.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from backend.errors import PackageUnusable, SignOffRefused
from backend.evidence_package.asked import Asked
from backend.guarding.exports import write_export

SUFFIX = ".signed.json"


class SignOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signed which package (SHA-256 of its manifest) off, when (ISO 8601) and as what."""

    package: str
    by: str
    at: str
    statement: str


def load_sign_offs(path: Path) -> list[SignOff]:
    """What stands beside a package. Raises PackageUnusable."""
    beside = _beside(path)
    try:
        return msgspec.json.decode(beside.read_bytes(), type=list[SignOff])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PackageUnusable(beside, error.strerror or str(error)) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PackageUnusable(beside, str(error)) from error


def sign_off(path: Path, asked: Asked, one: SignOff) -> Path:
    """Add the sign-off beside the package. Raises SignOffRefused."""
    known = load_sign_offs(path)
    if not one.by.strip():
        raise SignOffRefused("nobody is named", "Name who signs off with --by.")
    if _same(one.by, asked.made_by):
        raise SignOffRefused(
            f"{one.by} made this package", "Somebody other than who counted must sign it off."
        )
    if any(_same(one.by, other.by) for other in known if other.package == one.package):
        raise SignOffRefused(f"{one.by} has signed it off already", "Nothing is left to do.")
    said = msgspec.json.format(msgspec.json.encode([*known, one]), indent=1) + b"\n"
    beside = _beside(path)
    new = beside.with_name(f"{beside.name}.add")
    write_export(new, [said])
    return new.replace(beside)


def find_strangers(path: Path, name: str) -> list[str]:
    """Who signed another package off than the one of this name."""
    return [one.by for one in load_sign_offs(path) if one.package != name]


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
