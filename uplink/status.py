"""The hub's retained status message: under 500 bytes, and nothing of a patient."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from uplink.standing import Standing
from uplink.survey import Stats

MAX_BYTES = 499
MOST = 2**53 - 1  # the largest number that every reader of JSON has
_UNUSUAL = re.compile(r"[^\w .+~-]", re.ASCII)  # would be longer as JSON than it is
_SOFTWARE_CHARACTERS = 40
_SIGNAL_CHARACTERS = 16


class Health(NamedTuple):
    """What the hub says of itself beside its uplink.

    `clock_quality` as in records, 0 while UTC is not synchronised; `signal` in a word, empty where
    nobody knows it; `needs_help`: it has done all that it can about something.
    """

    clock_quality: int = 0
    signal: str = ""
    needs_help: bool = False

    @property
    def grade(self) -> tuple[bool, bool]:
        """What the office is told at once when it changes."""
        return self.needs_help, self.clock_quality > 0


def describe(standing: Standing, stats: Stats, software: str, health: Health) -> bytes:
    """The status of a connected hub; docs/status.schema.json says what each part of it is.

    `waiting_s` is the age of the oldest record that waits, and at least that where it is older than
    the hub's process; open epochs have records that wait or a checkpoint that is not kept yet.
    """
    return _json(
        {
            "state": "connected",
            "software": _clean(software, _SOFTWARE_CHARACTERS),
            "depth": _limit(stats.waiting),
            "waiting_s": _limit(stats.oldest_s),
            "waiting_at_least": stats.oldest_is_at_least,
            "open_epochs": _limit(stats.open_epochs),
            "oldest_epoch": stats.oldest_open.hex() or None,
            "newest_epoch": stats.newest_open.hex() or None,
            "quarantined": _limit(sum(stats.quarantined.values())),
            "office_silent": standing.is_office_silent,
            "last_receipt_ms": _limit(standing.last_receipt_ms),
            "clock_quality": _limit(health.clock_quality),
            "signal": _clean(health.signal, _SIGNAL_CHARACTERS) or None,
            "needs_help": health.needs_help,
        }
    )


def _limit(number: float | None) -> int | None:
    return None if number is None else round(min(max(0, number), MOST))


def _clean(text: str, characters: int) -> str:
    return _UNUSUAL.sub("?", text)[:characters]


def _json(status: dict[str, Any]) -> bytes:
    return json.dumps(status, separators=(",", ":")).encode()


GONE = _json({"state": "gone"})
"""The will."""
