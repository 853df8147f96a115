"""`vitalpost-backend version`."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""
    parser.epilog = "The version of the installed distribution."


def run(args: argparse.Namespace) -> int:
    """Print the version of the installed distribution."""
    number = version("vitalpost")
    print(json.dumps({"version": number}) if args.json else f"vitalpost {number}")
    return 0
