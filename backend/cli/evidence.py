"""`vitalpost-backend evidence`."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from backend.billing.policy import parse_policy
from backend.cli.parsing import parse_month, parse_number, parse_time
from backend.cli.reader import add_reader, add_seal, note, system_user
from backend.clock import load_clock
from backend.config import Settings, load
from backend.epochs import Opener
from backend.errors import EvidenceRefused, PackageUnusable
from backend.evidence_package.archive import unpack
from backend.evidence_package.asked import Asked
from backend.evidence_package.check import check_files
from backend.evidence_package.contents import Source
from backend.evidence_package.judging import JUDGING
from backend.evidence_package.make import Package, find_as_of, make_evidence
from backend.evidence_package.signing import SignOff, sign_off
from backend.facts.missing import find_missing
from backend.guarding.exports import write_export
from backend.keys.folder import load_opening_keys
from backend.ledger import Ledger, open_ledger
from backend.proving.registry import load_drivers
from backend.utc import EPOCH, as_instant

_STATEMENT = "I have looked at this package, and did not count what is in it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `(PATIENT --period N --out FILE.zip | --sign FILE.zip --by NAME) [...]`."""
    parser.add_argument("patient", metavar="PATIENT", nargs="?")
    parser.add_argument("--sign", metavar="FILE.zip", type=Path, help="sign a package off")
    parser.add_argument("--period", metavar="N", type=parse_number, help="1 for the first")
    parser.add_argument("--month", metavar="YYYY-MM", type=parse_month)
    parser.add_argument("--episode", metavar="N", type=parse_number, help="left out: the last")
    parser.add_argument("--out", metavar="FILE.zip", type=Path)
    parser.add_argument("--policy", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument(
        "--as-of",
        metavar="TIME",
        type=parse_time,
        help="judge by what was known then; left out: when the last became known",
    )
    add_reader(parser)
    add_seal(parser)
    parser.epilog = "It holds patient data, and what opens it: --seal-to hands it on safely."


def run(args: argparse.Namespace) -> int:
    """Make and check a package, or sign one off."""
    settings = load(args.settings)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    if args.sign is not None:
        return _sign(args, now_ms)
    if args.patient is None or args.period is None or args.out is None:
        print("wanted PATIENT --period N --out FILE.zip, or --sign FILE.zip", file=sys.stderr)
        return 2
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.patient, f"evidence package, period {args.period}")
    made = _make(args, settings, ledger, now_ms)
    write_export(args.out, [made.data], args.seal_to)
    as_of = made.asked.as_of.isoformat()
    said = {
        "file": str(args.out),
        "package": made.name,
        "patient": made.asked.patient,
        "qualifying_days": len(made.verdict.days),
        "as_of": as_of,
        "scope": made.asked.scope,
        "bytes": len(made.data),
    }
    if args.json:
        print(json.dumps(said))
    else:
        print(f"{made.name}  {args.out}")
        print(f"judged by what was known at {as_of}", file=sys.stderr)
        print(
            "it holds patient data and the keys that open it: guard it, or make it with --seal-to",
            file=sys.stderr,
        )
    return 0


def _make(args: argparse.Namespace, settings: Settings, ledger: Ledger, now_ms: int) -> Package:
    opener = Opener(load_opening_keys(Path(settings.keys.dir)))
    asked = Asked(
        patient=args.patient,
        episode=args.episode,
        period=args.period,
        month=args.month,
        as_of=args.as_of or EPOCH,
        policy=parse_policy(args.policy),
        software=f"vitalpost {version('vitalpost')}",
        made_by=args.by or system_user(),
    )
    with ledger.reading() as connection:
        if find_missing(connection, args.patient):
            raise EvidenceRefused(
                "facts that were typed are missing: the verdict is held",
                "See `vitalpost-backend missing`, and enter them again.",
            )
        source = Source(connection, opener, JUDGING)
        if args.as_of is None:
            as_of = find_as_of(source, asked, now_ms)
            asked = msgspec.structs.replace(asked, as_of=as_of)
        return make_evidence(source, asked, load_drivers())


def _sign(args: argparse.Namespace, now_ms: int) -> int:
    files, name = unpack(args.sign)
    checked = check_files(args.sign, files, JUDGING, load_drivers())
    if checked.problems:
        raise PackageUnusable(args.sign, f"it does not hold: {checked.problems[0]}")
    at = as_instant(now_ms).isoformat(timespec="seconds")
    beside = sign_off(
        args.sign, checked.asked, SignOff(name, args.by or system_user(), at, _STATEMENT)
    )
    print(json.dumps({"file": str(beside), "package": name}) if args.json else beside)
    return 0
