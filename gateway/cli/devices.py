"""`vitalpost devices list`: the enrolled devices, as the running hub has met them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.words import ago, yes_no
from gateway.client import ask
from gateway.config import DEFAULT_PATH, load_settings

TITLES = ("NAME", "DRIVER", "BONDED", "HEARD", "LAST SESSION", "FAILURES")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list [--settings FILE] [--json]`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the enrolled devices")
    listing.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    listing.add_argument("--json", action="store_true", help="print one JSON array")


def run(args: argparse.Namespace) -> int:
    """Print the devices and return the exit code."""
    devices = ask(load_settings(args.settings).control, "devices")["devices"]
    if args.json:
        print(json.dumps(devices))
        return 0
    rows = [TITLES, *(tuple(_cells(device)) for device in devices)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return 0


def _cells(device: dict[str, Any]) -> Iterator[str]:
    yield device["name"]
    yield device["driver"]
    yield yes_no(is_so=device["bonded"]) if device["bond"] else "not wanted"
    yield ago(device["heard_s"])
    yield device["last_session"] or "none yet"
    yield str(device["failures"])
