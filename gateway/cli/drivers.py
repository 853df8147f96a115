"""`vitalpost drivers list`: which drivers are installed and what they are for."""

from __future__ import annotations

import argparse
import json
from typing import Any

from drivers.spi import Driver
from gateway.registry import load_drivers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list [--json]`."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="list the installed drivers")
    listing.add_argument("--json", action="store_true", help="print one JSON array")


def run(args: argparse.Namespace) -> int:
    """Print the drivers and return the exit code."""
    drivers = load_drivers().values()
    if args.json:
        print(json.dumps([_facts(driver) for driver in drivers]))
        return 0
    for driver in drivers:
        info = driver.info
        print(f"{info.id} {info.version}  {info.transport}  {', '.join(info.match + info.names)}")
        for metric in info.metrics:
            print(f"    {metric.name}")
    return 0


def _facts(driver: Driver) -> dict[str, Any]:
    info = driver.info
    return {
        "id": info.id,
        "version": info.version,
        "transport": info.transport,
        "match": info.match,
        "names": info.names,
        "metrics": [metric.name for metric in info.metrics],
        "characteristics": info.characteristics,
        "writes": info.writes,
    }
