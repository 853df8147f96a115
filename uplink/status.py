"""The hub's retained status message: under 500 bytes, and nothing of a patient."""

from __future__ import annotations

import json

from uplink.standing import Standing
from uplink.survey import Stats


def describe(standing: Standing, stats: Stats, software: str) -> bytes:
    """The status of a connected hub.

    `waiting_s` is the age of the oldest record that waits, and at least that where it is older than
    the hub's process; open epochs have records that wait or a checkpoint that is not kept yet.
    """
    return _json(
        {
            "state": "connected",
            "software": software,
            "depth": stats.waiting,
            "waiting_s": round(stats.oldest_s),
            "waiting_at_least": stats.oldest_is_at_least,
            "open_epochs": stats.open_epochs,
            "quarantined": sum(stats.quarantined.values()),
            "office_silent": standing.is_office_silent,
            "last_receipt_ms": standing.last_receipt_ms,
        }
    )


def _json(status: object) -> bytes:
    return json.dumps(status, separators=(",", ":")).encode()


GONE = _json({"state": "gone"})
"""The will."""
