"""`vitalpost-backend backup`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.cli.reader import add_reader, add_seal, note
from backend.config import load
from backend.guarding.backup import back_up
from backend.ledger import open_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--out FILE [--seal-to KEYFILE]`."""
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="a new file")
    add_seal(parser)
    add_reader(parser)
    parser.epilog = (
        "The private keys and facts.log are not in it: keep copies of both, and not with it."
    )


def run(args: argparse.Namespace) -> int:
    """Copy the ledger, check the copy, and print the rows of each table."""
    settings = load(args.settings)
    path = Path(settings.ledger.path)
    note(args, settings, open_ledger(settings), None, f"the whole ledger, copied to {args.out}")
    counts = back_up(path, args.out, args.seal_to)
    if args.json:
        print(json.dumps({"file": str(args.out), "rows": counts}))
    else:
        print(f"{counts['record']} records, {counts['reading']} readings")
        print(f"{args.out}: the copy is sound", file=sys.stderr)
    return 0
