"""`vitalpost support-bundle`: what support may know of this hub, shown, then sealed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gateway.cli import EXIT_PROBLEM, EXIT_USAGE
from gateway.config import DEFAULT_PATH
from gateway.doctor.checks import CHECKS
from gateway.doctor.examine import examine
from gateway.doctor.site import visit
from gateway.support.bundle import gather, read_recipient, write
from gateway.support.shown import Veil

NOT_WRITTEN = "Nothing was written: --out names a file, --to the file with support's public key."
BOTH = "--out and --to go together: a bundle is sealed to support's key, or not written."
ASKS = "Write these {} lines, sealed, to {}? [y/N] "
SAY_YES = "Nothing was written: say --yes where no terminal can be asked."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--out FILE --to PUBLIC_KEY] [--yes] [--settings FILE] [--json]`."""
    parser.add_argument("--out", metavar="FILE", type=Path, help="a new file; else a preview only")
    parser.add_argument(
        "--to", metavar="PUBLIC_KEY", type=Path, help="the file with support's public key"
    )
    parser.add_argument("--yes", action="store_true", help="write it without a question")
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print every line, ask, and write them sealed."""
    if bool(args.out) != bool(args.to):
        print(BOTH, file=sys.stderr)
        return EXIT_USAGE
    to = read_recipient(args.to) if args.to else None
    site = visit(args.settings)
    lines = list(gather(site, examine(site, CHECKS), Veil()))
    if not args.json:
        print("\n".join(lines))
    is_wanted = to is not None and (args.yes or _asked(len(lines), args.out))
    if to is not None and is_wanted:
        write(args.out, lines, to)
    if args.json:
        print(json.dumps({"lines": lines, "file": str(args.out) if is_wanted else None}))
    if to is None:
        print(NOT_WRITTEN, file=sys.stderr)
    return 0 if is_wanted or to is None else EXIT_PROBLEM


def _asked(lines: int, out: Path) -> bool:
    if not sys.stdin.isatty():
        print(SAY_YES, file=sys.stderr)
        return False
    print(ASKS.format(lines, out), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
