"""`vitalpost status`: how the running hub stands with office, flash, clock and devices."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from gateway.cli import EXIT_PROBLEM
from gateway.cli.lines import describe
from gateway.cli.watching import watch
from gateway.config import DEFAULT_PATH, load_control
from gateway.control.client import ask

DAY_S = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE] [--watch [--every SECONDS]] [--json | --metrics]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--watch", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--every", metavar="SECONDS", type=_parse_seconds, help="how often to look")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object, or one a line")
    form.add_argument("--metrics", action="store_true", help="print Prometheus's text")


def run(args: argparse.Namespace) -> int:
    """Print the hub's status; 1 where something is amiss, but for --watch and --metrics."""
    control = load_control(args.settings)
    if args.metrics:
        sys.stdout.write(ask(control, "metrics")["text"])
        return 0
    if args.watch:
        return watch(
            partial(ask, control, "status"), sys.stdout, every_s=args.every, as_json=args.json
        )
    status = ask(control, "status")
    if args.json:
        print(json.dumps(status))
    else:
        print("\n".join(describe(status)))
    for problem in status["problems"]:
        print(f"{problem['what']}\n    {problem['hint']}", file=sys.stderr)
    return EXIT_PROBLEM if status["problems"] else 0


def _parse_seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= DAY_S:
        raise argparse.ArgumentTypeError("wanted more than 0 seconds, at most a day")
    return seconds
