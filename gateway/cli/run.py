"""`vitalpost run`: the hub's daemon."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from gateway import log
from gateway.app import run as run_hub
from gateway.config import DEFAULT_PATH, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. What broke on the way is raised: systemd starts the hub anew."""
    settings = load_settings(args.settings)
    log.configure()
    try:
        asyncio.run(run_hub(settings))
    except ExceptionGroup as broken:
        raise _find_first(broken) from None
    return 0


def _find_first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
