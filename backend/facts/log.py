"""facts.log: which facts people have typed, kept outside the database.

Hubs send again what a ledger that was put back from a copy lacks; people do not. So each fact that
is committed is named here: whose it is, its kind, who entered it and when, and a digest of what it
says. What it says is not here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from backend.outside import append_lines, read_lines

LOG = "facts.log"
UNREADABLE = "unreadable line"
_DIGEST = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Noted(NamedTuple):
    """A fact by its digest; `patient` is empty where nobody knows whose it is."""

    patient: str
    kind: str
    digest: bytes
    by: str
    noted_ms: int


class _Line(msgspec.Struct, frozen=True):
    patient: str
    kind: str
    digest: _DIGEST
    by: str
    noted_ms: int


def digest_of(patient: str, kind: str, body: Mapping[str, Any]) -> bytes:
    """The digest of what a fact says, which is such as JSON holds, and no float.

    Who entered it and when is no part of it: the same fact entered again has the same digest.
    """
    said = json.dumps([patient, kind, body], sort_keys=True, separators=(",", ":"))
    return sha256(b"vitalpost fact 1\0" + said.encode()).digest()


class FactsLog:
    """The log at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[bytes, Noted] | None:
        """What was noted, by digest; None where there is no log. Raises OutputRefused.

        A line that cannot be read may have been anybody's.
        """
        if not self.path.exists():
            return None
        found = (_as_noted(line) for line in read_lines(self.path, _Line))
        return {noted.digest: noted for noted in found}

    def note(self, facts: Iterable[Noted]) -> None:
        """Append those that are not in it; on disk when it returns. Raises OutputRefused.

        Call it once they are committed, and before anybody is told that they are entered. What
        dies in between is noted by the next command that looks for what is missing.
        """
        known = self.load() or {}
        new = {noted.digest: noted for noted in facts if noted.digest not in known}
        append_lines(
            self.path, [_Line(n[0], n[1], n.digest.hex(), n.by, n.noted_ms) for n in new.values()]
        )


def _as_noted(line: _Line | bytes) -> Noted:
    if isinstance(line, bytes):
        return Noted("", UNREADABLE, sha256(line).digest(), "", 0)
    return Noted(line.patient, line.kind, bytes.fromhex(line.digest), line.by, line.noted_ms)
