"""`vitalpost-backend verdict`."""

from __future__ import annotations

import argparse
import json

from backend.billing.policy import choices, parse_policy
from backend.cli.parsing import parse_month, parse_number, parse_time
from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import load
from backend.ledger import open_ledger
from backend.patients.examine import Asked, examine
from backend.patients.verdict_view import as_json, draw
from backend.utc import as_instant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `PATIENT [--period N] [--month YYYY-MM] [--episode N] [--as-of TIME] …`."""
    parser.add_argument("patient", metavar="PATIENT")
    parser.add_argument(
        "--period", metavar="N", type=parse_number, help="left out: the present one"
    )
    parser.add_argument(
        "--month", metavar="YYYY-MM", type=parse_month, help="left out: where the period ends"
    )
    parser.add_argument("--episode", metavar="N", type=parse_number, help="left out: the last one")
    parser.add_argument(
        "--as-of", metavar="TIME", type=parse_time, help="by what was known then; left out: now"
    )
    parser.add_argument(
        "--policy", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=choices()
    )
    add_reader(parser)


def run(args: argparse.Namespace) -> int:
    """Print the verdict."""
    policy = parse_policy(args.policy)
    settings = load(args.settings)
    as_of = args.as_of or as_instant(load_clock(settings.clock).utc_ns() // 1_000_000)
    asked = Asked(args.patient, args.episode, args.period, args.month, is_month_latest=True)
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.patient, "verdict")
    with ledger.reading() as connection:
        found = examine(connection, asked, policy, as_of=as_of)
    if args.json:
        print(json.dumps(as_json(args.patient, found)))
    else:
        print("\n".join(draw(args.patient, found)))
    return 0
