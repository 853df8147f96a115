"""`vitalpost-backend access`."""

from __future__ import annotations

import argparse
import json
import sys

from backend.cli.reader import add_reader, note
from backend.config import load
from backend.guarding.access import LOG, Access, find_breaks, load_accesses
from backend.ledger import open_ledger
from backend.utc import as_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `PATIENT | --all`."""
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("patient", metavar="PATIENT", nargs="?")
    whose.add_argument("--all", action="store_true", help="of every patient")
    add_reader(parser)
    parser.epilog = (
        "What was read of everybody was read of each patient. Exits 1 where a row was changed, "
        "taken out or lost. Times are UTC."
    )


def run(args: argparse.Namespace) -> int:
    """Print who read; asking is noted first, and so is in what is printed."""
    settings = load(args.settings)
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.patient, "access log")
    with ledger.reading() as connection:
        rows = load_accesses(connection)
    breaks = list(find_breaks(rows, settings.log_file(LOG)))
    shown = [row for row in rows if args.all or row.patient in {args.patient, None}]
    if args.json:
        print(json.dumps({"accesses": [_as_json(row) for row in shown], "problems": breaks}))
    else:
        for row in shown:
            print(_tell(row))
        for told in breaks:
            print(told, file=sys.stderr)
    return 1 if breaks else 0


def _tell(row: Access) -> str:
    who = f"{row.by} ({row.user})" if row.by else row.user
    purpose = f", for {row.purpose}" if row.purpose else ""
    return f"{as_text(row.at_ms)}  {row.patient or 'everybody'}: {row.what}, by {who}{purpose}"


def _as_json(row: Access) -> dict[str, object]:
    return row._asdict() | {"at": as_text(row.at_ms), "chain": row.chain.hex()}
