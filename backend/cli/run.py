"""`vitalpost-backend run`."""

from __future__ import annotations

import argparse
import sys

from backend.config import load
from backend.log import configure
from backend.workers import Worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: all is in the settings."""
    parser.epilog = "Logs JSON lines on stdout; stops on SIGTERM."


def run(args: argparse.Namespace) -> int:
    """Receive until SIGTERM."""
    configure(sys.stdout)
    Worker(load(args.settings)).run()
    return 0
