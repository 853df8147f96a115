"""`vitalpost-backend restore`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.cli.reader import add_reader, note
from backend.config import load
from backend.facts.missing import find_missing
from backend.guarding.backup import restore
from backend.keys.folder import read_key
from backend.ledger import open_ledger
from uplink.keys import OpeningKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `FILE [--key PRIVATE]`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="what `backup` made")
    parser.add_argument(
        "--key", metavar="PRIVATE", type=Path, help="the recipient's private key, if it is sealed"
    )
    add_reader(parser)
    parser.epilog = "Exits 1 where facts were typed that the copy has not got."


def run(args: argparse.Namespace) -> int:
    """Put the copy in place, and name the facts that it lacks."""
    settings = load(args.settings)
    path = Path(settings.ledger.path)
    key = read_key(args.key, OpeningKey.from_text) if args.key else None
    counts = restore(path, args.file, key)
    ledger = open_ledger(settings, create=True)
    note(args, settings, ledger, None, f"the whole ledger, put back from {args.file}")
    with ledger.reading() as connection:
        missing = find_missing(connection)
    if args.json:
        print(json.dumps({"rows": counts, "missing_facts": len(missing)}))
    else:
        print(f"{counts['record']} records, {counts['reading']} readings")
    print(
        "Start `vitalpost-backend run`: hubs are asked for what they sent since the copy was made, "
        "and `vitalpost-backend hubs` says what still lacks.",
        file=sys.stderr,
    )
    return 1 if missing else 0
