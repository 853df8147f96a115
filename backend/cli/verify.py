"""`vitalpost-backend verify`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from backend.cli.reader import add_reader, note
from backend.config import load
from backend.keys import load_opening_keys
from backend.ledger import Ledger
from backend.registry import load_drivers
from backend.verify import Verifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing but who reads."""
    add_reader(parser)
    parser.epilog = "Exits 1 and names every problem if there is one."


def run(args: argparse.Namespace) -> int:
    """Print the counts; the problems go to stderr, or into the JSON."""
    settings = load(args.settings)
    keys, drivers = load_opening_keys(Path(settings.keys.dir)), load_drivers()
    ledger = Ledger(Path(settings.ledger.path))
    note(args, settings, ledger, None, "every record, opened")
    with ledger.reading() as connection:
        found = Verifier(connection, keys, drivers).verify()
    if args.json:
        gaps = [gap._asdict() | {"kid": gap.kid.hex()} for gap in found.gaps]
        names = sorted(name.hex() for name in found.reading_ids)
        stored = {kid.hex(): ranges for kid, ranges in found.stored.items()}
        listed = {"gaps": gaps, "reading_ids": names, "stored": stored}
        print(json.dumps(asdict(found) | listed))
    else:
        for name in ("records", "readings", "failed_measurements", "sightings"):
            print(f"{getattr(found, name):>8} {name.replace('_', ' ')}")
        for name, flags in found.implausible.items():
            print(f"reading {name} cannot be so: {', '.join(flags)}")
        for problem in found.problems:
            print(problem, file=sys.stderr)
        print(f"{len(found.problems)} problems", file=sys.stderr)
    return 1 if found.problems else 0
