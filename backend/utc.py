"""Instants of UTC: as the ledger counts them, as the rules see them, and as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_instant(ms: int) -> datetime:
    """Milliseconds since 1970 as an instant of UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def as_ms(at: datetime) -> int:
    """An instant in milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def as_text(ms: int, timespec: str = "seconds") -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC, with a Z."""
    return as_instant(ms).isoformat(timespec=timespec).replace("+00:00", "Z")
