"""`vitalpost scan`: which devices are in range, whose driver they have, how strong they are."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from gateway.cli import EXIT_PROBLEM
from gateway.cli.columns import table
from gateway.config import DEFAULT_PATH, load_control
from gateway.control.client import ask
from gateway.words import ago, strength

TITLES = ("ADDRESS", "NAME", "DEVICE", "SIGNAL", "HEARD", "HERE")
NOTHING = "No device is in range. Hold its button until it blinks, next to the gateway."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--for SECONDS] [--all] [--settings FILE] [--json]`."""
    parser.add_argument(
        "--for", dest="seconds", metavar="SECONDS", type=int, default=5, help="listen so long"
    )
    parser.add_argument("--all", action="store_true", help="those that no driver is for as well")
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def run(args: argparse.Namespace) -> int:
    """Print who was heard; 1 where nobody was."""
    control = load_control(args.settings)
    found = ask(control, "scan")["found"]
    if args.seconds > 0:
        time.sleep(min(args.seconds, 300))
        found = ask(control, "scan")["found"]
    if not args.all:
        found = [each for each in found if each["drivers"] or each["enrolled"]]
    if args.json:
        print(json.dumps(found))
    elif found:
        table([TITLES, *(_cells(each) for each in found)])
    if not found:
        print(NOTHING, file=sys.stderr)
    return 0 if found else EXIT_PROBLEM


def _cells(seen: dict[str, Any]) -> tuple[str, ...]:
    driver = " or ".join(seen["drivers"]) or "not supported"
    return (
        seen["address"],
        seen["name"] or "-",
        f"{seen['noun']} ({driver})" if seen["noun"] else driver,
        strength(seen["rssi"]),
        ago(seen["heard_s"]),
        _stands(seen),
    )


def _stands(seen: dict[str, Any]) -> str:
    if seen["held"]:
        return f"{seen['enrolled']}; another phone may be using it"
    if seen["enrolled"]:
        return f"{seen['enrolled']}{'' if seen['bonded'] else ', not paired'}"
    return "paired, not added" if seen["bonded"] else "new"
