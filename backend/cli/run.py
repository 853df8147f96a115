"""`vitalpost-backend run`."""

from __future__ import annotations

import argparse
import logging

import structlog

from backend.config import load
from backend.receive import Receiver


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: all is in the settings."""
    parser.epilog = "Logs JSON lines on stdout; stops on SIGTERM."


def run(args: argparse.Namespace) -> int:
    """Receive until SIGTERM."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    Receiver(load(args.settings)).run()
    return 0
