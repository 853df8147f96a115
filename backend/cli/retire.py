"""`vitalpost-backend retire`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

from backend.cli.ending import enter_end
from backend.clock import load_clock
from backend.config import load
from backend.enrolment.membership import RETIRED, End


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `HUB --why TEXT [--at TIME]`."""
    parser.add_argument("hub", metavar="HUB")
    parser.add_argument("--why", metavar="TEXT", required=True, help="the cause, for the record")
    parser.add_argument(
        "--at", metavar="TIME", type=_parse_time, help="as in 2026-03-01T12:00Z; left out: now"
    )


def run(args: argparse.Namespace) -> int:
    """Enter the fact."""
    settings = load(args.settings)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    from_ms = now_ms if args.at is None else int(args.at.timestamp() * 1000)
    enter_end(settings, args.hub, End(RETIRED, from_ms, args.why), now_ms)
    if args.json:
        print(json.dumps({"hub": args.hub, "retired_ms": from_ms}))
    print(
        f"hub {args.hub} is retired: what it sealed before still counts, what it seals later is "
        "refused; revoke it once it has delivered",
        file=sys.stderr,
    )
    return 0


def _parse_time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("wanted a time as in 2026-03-01T12:00Z") from error
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("a time without a zone: end it with Z for UTC")
    return when.astimezone(UTC)
