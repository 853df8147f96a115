"""What a process did with records, step by step: for the tests that kill it, and for a history.

A journal names records by kid and sequence and holds no value. It is no log: a step is told as it
is done, so that a test may end the process there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from uplink.wire import Ranges

_NOTHING: Mapping[bytes, Ranges] = MappingProxyType({})


class Step(NamedTuple):
    """One step: what was `did`, and to which sequences of which kid (ends included).

    A hub has captured, sealed, committed, published, receipted and released; a backend has
    committed, emitted (a relay, to its sink), published and acknowledged.
    """

    did: str
    records: Mapping[bytes, Ranges] = _NOTHING


Journal = Callable[[Step], None]


def keep_no_journal(_step: Step) -> None:
    """The journal of a process whose history nobody asked for."""


class JournalFile:
    """A journal as JSON lines: {"at_ms", "by", "did", "records": {kid: [[first, last], …]}}.

    Each step is one write, so that `kill -9` leaves whole lines; several processes may share it.
    """

    def __init__(self, path: Path, by: str, now_ms: Callable[[], int]) -> None:
        """Append to `path` in the name of `by`. Raises OSError."""
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._by = by
        self._now_ms = now_ms

    def __call__(self, step: Step) -> None:
        """Write one line."""
        records = {kid.hex(): [list(each) for each in of] for kid, of in step.records.items()}
        line = {"at_ms": self._now_ms(), "by": self._by, "did": step.did, "records": records}
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")
