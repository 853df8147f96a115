"""`vitalpost run`: the hub's daemon."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from gateway import log
from gateway.app import run as run_hub
from gateway.clock import load_clock
from gateway.config import DEFAULT_PATH, load_settings
from gateway.errors import ConfigError
from gateway.secrecy import keep_memory_private
from gateway.settings import Settings
from uplink.journal import Journal, JournalFile, keep_no_journal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. What broke on the way is raised: systemd starts the hub anew."""
    keep_memory_private()
    settings = load_settings(args.settings)
    log.configure()
    try:
        asyncio.run(run_hub(settings, journal=_open_journal(settings)))
    except ExceptionGroup as broken:
        raise _find_first(broken) from None
    return 0


def _open_journal(settings: Settings) -> Journal:
    path = settings.hub.journal
    if not path:
        return keep_no_journal
    clock = load_clock(settings.clock.source, settings.clock.options)
    try:
        return JournalFile(Path(path), settings.hub.id, lambda: clock.utc_ns() // 1_000_000)
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError("hub.journal", f"{path}: {found}", "a file to append to") from error


def _find_first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
