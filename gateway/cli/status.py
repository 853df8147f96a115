"""`vitalpost status`: how the running hub stands with office, flash, clock and devices."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli import EXIT_PROBLEM
from gateway.cli.words import ago, span
from gateway.client import ask
from gateway.config import DEFAULT_PATH, load_control


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE] [--json]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the hub's status; 1 where something is amiss."""
    status = ask(load_control(args.settings), "status")
    if args.json:
        print(json.dumps(status))
    else:
        print("\n".join(describe(status)))
    for problem in status["problems"]:
        print(f"{problem['what']}\n    {problem['hint']}", file=sys.stderr)
    return EXIT_PROBLEM if status["problems"] else 0


def describe(status: dict[str, Any]) -> Iterator[str]:
    """The status in lines for a person."""
    uplink, outbox, setup = status["uplink"], status["outbox"], status["setup"]
    yield f"{status['hub']}    {status['software']}, running for {span(status['running_s'])}"
    reached = "connected" if uplink["connected"] else "not connected"
    answers = ", the office does not answer" if uplink["office_silent"] else ""
    yield f"uplink   {reached}{answers}; last receipt {_last_receipt(status)}"
    oldest = "" if outbox["oldest_s"] is None else f", the oldest for {span(outbox['oldest_s'])}"
    yield f"outbox   {outbox['waiting']} waiting{oldest}, {outbox['quarantined']} in quarantine"
    yield f"clock    {_describe_clock(status['clock']['quality'])}"
    window = f"open for {span(setup['left_s'])}" if setup["open"] else "closed"
    yield f"set-up   {window}"
    for device in status["devices"]:
        battery = "" if device["battery"] is None else f", battery {device['battery']} %"
        heard, reading = ago(device["heard_s"]), ago(device["reading_s"])
        yield f"device   {device['name']}: heard {heard}, last reading {reading}{battery}"
    counts = ", ".join(f"{count} {name}" for name, count in status["control"].items() if count)
    yield f"control  {counts}"


def _last_receipt(status: dict[str, Any]) -> str:
    received_ms = status["uplink"]["last_receipt_ms"]
    if received_ms is None:
        return "none since the start"
    return ago(max(0, status["clock"]["utc_ms"] - received_ms) // 1000)


def _describe_clock(quality: int) -> str:
    return f"synchronised to less than {2**quality} ms" if quality else "not synchronised"
