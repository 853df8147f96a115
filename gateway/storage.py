"""The outbox of the settings: where it lies, and how it is opened."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import ConfigError
from gateway.settings import Settings
from uplink.journal import Journal, keep_no_journal
from uplink.outbox import Outbox


def find_outbox(settings: Settings) -> Path:
    """Where the outbox lies."""
    return Path(settings.hub.state) / "outbox.db"


async def open_outbox(settings: Settings, journal: Journal = keep_no_journal) -> Outbox:
    """The outbox, made where there is none. Raises ConfigError, and as Outbox.open."""
    path = find_outbox(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        quota_bytes = settings.outbox.quota_mb * 1_000_000
        keep_days = settings.outbox.keep_days
        return await Outbox.open(
            path, quota_bytes=quota_bytes, keep_days=keep_days, journal=journal
        )
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError("hub.state", f"{path.parent}: {found}", "a folder to write to") from error
