"""`vitalpost-backend missing`."""

from __future__ import annotations

import argparse
import json
import sys

from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import load
from backend.facts.missing import Missing, accept_missing, find_missing
from backend.ledger import open_ledger
from backend.utc import as_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--accept PATIENT|--accept-all --because TEXT --by NAME]`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--accept", metavar="PATIENT", help="go on without this patient's missing facts"
    )
    which.add_argument(
        "--accept-all", action="store_true", help="and without what may have been anybody's"
    )
    parser.add_argument("--because", metavar="TEXT", help="the cause, for the record")
    add_reader(parser)
    parser.epilog = "Exits 1 where facts are missing. To accept, name yourself with --by."


def run(args: argparse.Namespace) -> int:
    """List what is missing; or enter who goes on without it, and why."""
    settings = load(args.settings)
    accepts = args.accept_all or args.accept is not None
    if accepts and not (args.by and args.because):
        print("to accept what is missing say --because and --by", file=sys.stderr)
        return 2
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.accept, "missing facts")
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    with ledger.writing() as connection:
        found = find_missing(connection)
        if accepts:
            chosen = [one for one in found if args.accept_all or one.patient == args.accept]
            accept_missing(connection, chosen, args.by, args.because, now_ms)
            found = [one for one in found if one not in chosen]
    if args.json:
        print(json.dumps({"missing": [_as_json(one) for one in found]}))
    else:
        for one in found:
            by = f"by {one.by or 'nobody knows whom'}"
            print(f"{one.patient or 'anybody'}: {one.kind}, noted {as_text(one.noted_ms)} {by}")
    return 1 if found else 0


def _as_json(one: Missing) -> dict[str, object]:
    return one._asdict() | {"noted": as_text(one.noted_ms), "digest": one.digest.hex()}
