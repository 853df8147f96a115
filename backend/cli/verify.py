"""`vitalpost-backend verify`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from backend.cli.reader import add_reader, note
from backend.config import load
from backend.evidence_package.archive import unpack
from backend.evidence_package.check import check_files
from backend.evidence_package.judging import JUDGING
from backend.evidence_package.signing import find_strangers, load_sign_offs
from backend.keys.folder import load_opening_keys
from backend.ledger import open_ledger
from backend.proving.registry import load_drivers
from backend.proving.verify import Verifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[FILE.zip]`, and who reads."""
    parser.add_argument(
        "package", metavar="FILE.zip", type=Path, nargs="?", help="a package of evidence"
    )
    add_reader(parser)
    parser.epilog = (
        "Without a file the whole ledger. A package needs no ledger, no key and no settings. "
        "Exits 1 and names every problem if there is one."
    )


def run(args: argparse.Namespace) -> int:
    """Print the counts; the problems go to stderr, or into the JSON."""
    if args.package is not None:
        return _verify_package(args)
    settings = load(args.settings)
    keys, drivers = load_opening_keys(Path(settings.keys.dir)), load_drivers()
    ledger = open_ledger(settings)
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


def _verify_package(args: argparse.Namespace) -> int:
    files, name = unpack(args.package)
    found = check_files(args.package, files, JUDGING, load_drivers())
    problems = list(found.problems)
    problems += (f"{by} signed another package off" for by in find_strangers(args.package, name))
    signed = [one.by for one in load_sign_offs(args.package) if one.package == name]
    days = len(found.verdict.days) if found.verdict else None
    if args.json:
        said = {"package": name, "patient": found.asked.patient, "records": found.records}
        said |= {"qualifying_days": days, "software": found.asked.software}
        print(json.dumps(said | {"signed_off_by": signed, "problems": problems}))
    else:
        print(f"{name}  {args.package}")
        print(f"{found.records:>8} records opened, decoded and judged again")
        if days is not None:
            print(f"{days:>8} qualifying days")
        for by in signed:
            print(f"signed off by {by}")
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f"{len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0
