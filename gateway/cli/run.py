"""`vitalpost run`: the hub's daemon."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
from collections.abc import Callable
from pathlib import Path

from gateway.app import run as run_hub
from gateway.clock import load_clock
from gateway.config import DEFAULT_PATH, check_end, parse_settings, read_settings
from gateway.errors import ConfigError, SettingsError
from gateway.last_good import LastGood, Standing, belongs_here, tell_refused
from gateway.logs.output import configure_log
from gateway.secrecy import keep_memory_private
from gateway.settings import Settings
from uplink.journal import Journal, JournalFile, keep_no_journal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. What broke on the way is raised: systemd starts the hub anew.

    Where the settings file is at fault and there are last good settings, they hold.
    """
    keep_memory_private()
    faulthandler.enable()  # a hub that its watchdog ends says where it hung, without any value
    configure_log()
    last_good = LastGood.find(os.environ)
    is_ready = False

    def note_ready() -> None:
        nonlocal is_ready
        is_ready = True
        if last_good:
            last_good.keep(text)

    try:
        text = read_settings(args.settings)
        before = last_good.read() if last_good else None
        if before is not None and before != text:
            check_end(text)
        _run(parse_settings(text), Standing(), note_ready)
    except SettingsError as fault:
        older = None if is_ready or _is_gone(fault) else _find_older(last_good)
        if older is None:
            raise
        tell_refused(fault)
        try:
            _run(older, Standing(fault), lambda: None)
        except SettingsError:
            raise fault from None  # what is at fault is not in the file alone
    return 0


def _run(settings: Settings, standing: Standing, on_ready: Callable[[], None]) -> None:
    journal = _open_journal(settings)
    try:
        asyncio.run(run_hub(settings, journal=journal, on_ready=on_ready, reporters=(standing,)))
    except ExceptionGroup as broken:
        raise _find_first(broken) from None


def _find_older(last_good: LastGood | None) -> Settings | None:
    text = last_good.read() if last_good else None
    try:
        settings = parse_settings(text) if text is not None else None
    except SettingsError:
        return None  # as an older version understood them
    return settings if settings and belongs_here(settings) else None


def _is_gone(fault: SettingsError) -> bool:
    """Whether somebody has taken the file away: then this is to be no hub any more."""
    return isinstance(fault.__cause__, FileNotFoundError)


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
