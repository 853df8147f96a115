"""`vitalpost demo`: starts the simulator, which nothing here imports."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec

EXTRA = "The demo needs the simulator: pip install 'vitalpost[hub,backend,simulator]'."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--json]`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the demo as a child and return its exit code."""
    if find_spec("simulator") is None or find_spec("bumble") is None:
        print(EXTRA, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "simulator", "demo", *(["--json"] if args.json else [])]
    return subprocess.run(command, check=False).returncode  # noqa: S603  our own module
