"""`vitalpost setup`: open or close the window in which devices are paired, or look at it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from gateway.config import DEFAULT_PATH, load_control
from gateway.control.client import ask
from gateway.words import span

COUNT_S = 1.0
ACTIONS = {
    "open": "for 15 minutes from now new devices may be paired",
    "close": "no new device may be paired from now on",
    "status": "whether the window is open, and for how long",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `open|close|status [--settings FILE] [--json]`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, what in ACTIONS.items():
        action = actions.add_parser(name, help=what, description=what)
        action.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
        action.add_argument("--json", action="store_true", help="print one JSON object")
        if name != "close":
            action.add_argument("--watch", action="store_true", help="count down until it closes")


def run(args: argparse.Namespace) -> int:
    """Do it, and print how the window stands."""
    control = load_control(args.settings)
    setup = ask(control, f"setup-{args.action}")
    while getattr(args, "watch", False) and setup["open"]:
        left = f"Set-up closes in {setup['left_s'] // 60}:{setup['left_s'] % 60:02}"
        print(left, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
        time.sleep(COUNT_S)
        setup = ask(control, "setup-status")
    if args.json:
        print(json.dumps(setup))
    elif setup["open"]:
        print(f"Set-up is open for {span(setup['left_s'])}: hold the device's pairing button.")
    else:
        print("Set-up is closed to keep this hub safe. `vitalpost setup open` opens it.")
    return 0
