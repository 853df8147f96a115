"""`vitalpost config`: check the settings, upgrade their file, or print its JSON Schema."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gateway.cli import EXIT_SETTINGS
from gateway.config import DEFAULT_PATH, make_schema
from gateway.errors import ConfigErrors
from gateway.preflight import find_faults
from gateway.settings_upgrade import upgrade_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `check [--settings FILE] [--json]`, `upgrade [--settings FILE]` and `schema`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="name every fault of the settings and credentials")
    check.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    check.add_argument("--json", action="store_true", help="print one JSON object")
    upgrade = actions.add_parser("upgrade", help="rewrite a settings file of an older version")
    upgrade.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    actions.add_parser("schema", help="print the JSON Schema of the settings file")


def run(args: argparse.Namespace) -> int:
    """Do it; where there are faults the exit code is 78."""
    if args.action == "schema":
        print(json.dumps(make_schema(), indent=2))
        return 0
    if args.action == "upgrade":
        found = upgrade_file(args.settings)
        told = f"was of format {found}; it is kept as {args.settings.name}.before"
        print(f"{args.settings}: {told if found else 'is of this format'}", file=sys.stderr)
        return 0
    faults = find_faults(args.settings)
    if args.json:
        named = ("path", "found", "wanted", "hint")
        print(json.dumps({"faults": [{key: getattr(f, key) for key in named} for f in faults]}))
        return EXIT_SETTINGS if faults else 0
    if faults:
        raise ConfigErrors(faults)
    return 0
