"""`vitalpost version`."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--json]`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the version of the installed distribution."""
    number = version("vitalpost")
    print(json.dumps({"version": number}) if args.json else f"vitalpost {number}")
    return 0
