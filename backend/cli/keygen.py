"""`vitalpost-backend keygen`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from backend.keys import make_keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `DIR [--broker NAME]`."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the keys are to live")
    parser.add_argument(
        "--broker", metavar="NAME", help="host name or IP address: make the broker's keys too"
    )


def run(args: argparse.Namespace) -> int:
    """Make the keys and print their files."""
    paths = [str(path) for path in make_keys(args.folder, args.broker)]
    print(json.dumps({"files": paths}) if args.json else "\n".join(paths))
    return 0
