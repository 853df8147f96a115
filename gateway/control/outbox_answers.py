"""What is told of the outbox, by the running hub or, where none runs, by the command itself."""

from __future__ import annotations

from typing import Any

from gateway.errors import RequestRefused
from gateway.requests import OutboxRequeue, OutboxStats, OutboxVerify
from uplink.outbox import Findings, Outbox, Stats

Facts = dict[str, Any]
OutboxRequest = OutboxStats | OutboxVerify | OutboxRequeue

MOST_NAMED = 100  # of damaged records; all of them are counted


async def answer_for(outbox: Outbox, request: OutboxRequest) -> Facts:
    """The facts that were asked for. Raises RequestRefused, and what the outbox raises."""
    match request:
        case OutboxStats():
            return _describe_stats(await outbox.stats())
        case OutboxVerify():
            return _describe_findings(await outbox.verify())
        case OutboxRequeue(kid=kid, sequence=sequence):
            if sequence is not None and kid is None:
                raise RequestRefused("a sequence alone names no record", "Say the kid as well.")
            done = await outbox.requeue(bytes.fromhex(kid) if kid else None, sequence)
            return {"rows": done.rows, "damaged": done.damaged}


def _describe_stats(stats: Stats) -> Facts:
    return {
        "waiting": stats.waiting,
        "oldest_s": round(stats.oldest_s) if stats.waiting else None,
        "released": stats.released,
        "quarantined": dict(stats.quarantined),
        "used_bytes": stats.used_bytes,
        "quota_bytes": stats.quota_bytes,
        "epochs": stats.epochs,
        "unchecked_epochs": stats.open_checkpoints,
        "losses": [loss._asdict() for loss in stats.losses],
    }


def _describe_findings(found: Findings) -> Facts:
    named = found.damaged[:MOST_NAMED]
    return {
        "is_sound": found.is_sound,
        "rows": found.rows,
        "damaged": len(found.damaged),
        "damaged_records": [{"kid": kid.hex(), "sequence": number} for kid, number in named],
        "key_records": found.key_records,
        "lost_key_records": found.lost_key_records,
        "lost_key_copies": found.key_copies,
        "is_consistent": found.is_consistent,
    }
