"""`vitalpost-backend hold`."""

from __future__ import annotations

import argparse
import json
import sys

from backend.clock import load_clock
from backend.config import load
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import look_for_missing
from backend.guarding.holds import Hold, enter_hold
from backend.ledger import open_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `PATIENT [--release] --because TEXT --by NAME`."""
    parser.add_argument("patient", metavar="PATIENT")
    parser.add_argument("--release", action="store_true", help="the hold ends")
    parser.add_argument("--because", metavar="TEXT", required=True, help="the cause")
    parser.add_argument("--by", metavar="NAME", required=True, help="who orders it")
    parser.epilog = "A hold and its end are facts: both stay."


def run(args: argparse.Namespace) -> int:
    """Enter the fact, and note it outside the database."""
    settings = load(args.settings)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    hold = Hold(not args.release, args.by, args.because, now_ms)
    ledger, log = open_ledger(settings), FactsLog(settings.log_file(LOG))
    look_for_missing(ledger, log, now_ms)
    with ledger.writing() as connection:
        noted = enter_hold(connection, args.patient, hold)
    log.note([noted])
    if args.json:
        print(json.dumps({"patient": args.patient, "is_held": hold.is_held}))
    state = "on hold: nothing of it may be deleted" if hold.is_held else "on no hold any more"
    print(f"patient {args.patient} is {state}", file=sys.stderr)
    return 0
