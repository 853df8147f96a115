"""The lines by which a package tells what hubs sealed and signed; bytes are base64."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from backend.billing.rule_sets import RuleSet

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Sequence = Annotated[int, msgspec.Meta(ge=1, lt=2**32)]
Kid = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line."""


class HubLine(_Line, frozen=True):
    """A hub, the public keys by which it signs or signed, and when it ended."""

    id: str
    sign_keys: tuple[bytes, ...]
    enrolled_ms: Count
    retired_ms: Count | None
    revoked_ms: Count | None


class SignedLine(_Line, frozen=True):
    """A COSE_Sign1 of a hub, as it came."""

    hub: str
    signed: bytes
    received_ms: Count


class DataKeyLine(_Line, frozen=True):
    """What opens the records of an epoch."""

    kid: Kid
    key: bytes


class RecordLine(_Line, frozen=True):
    """A sealed record, as it came."""

    kid: Kid
    sequence: Sequence
    received_ms: Count
    sealed: bytes


class AbsentLine(_Line, frozen=True):
    """Sequences of which the package has no records: withheld, or refused by the backend."""

    kid: Kid
    why: Literal["withheld", "refused"]
    ranges: tuple[tuple[Sequence, Sequence], ...]


class RuleSetEntry(_Line, frozen=True):
    """A rule set with its hash."""

    hash: str
    is_used: bool
    set: RuleSet


def encode_lines(lines: Iterable[msgspec.Struct]) -> bytes:
    """A file of them: keys in order, one a line."""
    return b"".join(msgspec.json.encode(line, order="sorted") + b"\n" for line in lines)
