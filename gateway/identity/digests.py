"""What the installed key files were, by SHA-256: a key that the card has damaged is not used.

The file `office.time` holds the office's time of its answer, in ms since 1970, then a line "NAME
DIGEST" for each file, then the digest of all lines before. One bit can make another good public
key of a public key: what is sealed to that, nobody opens again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple


class Installed(NamedTuple):
    """The office's time of its answer, and the digests of what was installed with it."""

    told_ms: int
    digests: Mapping[str, str] = {}

    def is_as_installed(self, name: str, text: str) -> bool:
        """Whether the file holds what was installed, as far as that is known."""
        return self.digests.get(name, _digest(text)) == _digest(text)


def write(told_ms: int, files: Mapping[str, str]) -> str:
    """The text of `office.time` for files by name."""
    lines = [str(told_ms), *(f"{name} {_digest(text)}" for name, text in files.items())]
    text = "".join(f"{line}\n" for line in lines)
    return f"{text}{_digest(text)}\n"


def parse(text: str) -> Installed:
    """What `office.time` says; a time alone is that of an earlier version. Raises ValueError."""
    told, *lines = text.splitlines() or [""]
    if not (told.isascii() and told.isdecimal()):
        raise ValueError("no number")
    if not lines:
        return Installed(int(told))
    before = "".join(f"{line}\n" for line in (told, *lines[:-1]))
    if _digest(before) != lines[-1]:
        raise ValueError("a text that is not as it was installed")
    pairs = [line.split() for line in lines[:-1]]
    return Installed(int(told), dict(pairs))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
