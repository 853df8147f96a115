"""Where a relay's readings go. One module per kind; each opens itself for its first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from uplink.wire import Ranges

READINGS = 100
BYTES = 1 << 20
"""Bounds of a page. A single line may be longer."""


class Page(NamedTuple):
    """What a sink acknowledges at once: JSON objects, their cursors, and whose records they are."""

    first: int
    last: int
    lines: Sequence[bytes]
    records: Mapping[bytes, Ranges]

    def body(self) -> bytes:
        """All of them, each line ended."""
        return b"".join(line + b"\n" for line in self.lines)


class Sink(Protocol):
    """One place; `name` is what the ledger keeps its cursor under."""

    name: str

    def write(self, page: Page) -> None:
        """Return once the place has acknowledged every line. Raises SinkFailed.

        Called again with the same page until it returns.
        """
