"""`vitalpost doctor`: is this hub well, and if not, what is to be done."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.cli import EXIT_PROBLEM
from gateway.config import DEFAULT_PATH
from gateway.doctor.checks import CHECKS, ROUND_TRIP
from gateway.doctor.examine import Result, examine
from gateway.doctor.finding import Mark
from gateway.doctor.site import visit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--settings FILE] [--json]`."""
    parser.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print a line for each check; 1 where one fails. A warning is none."""
    results = examine(visit(args.settings), CHECKS, [ROUND_TRIP])
    has_failed = any(result.finding.mark is Mark.FAIL for result in results)
    if args.json:
        print(json.dumps({"ok": not has_failed, "checks": [_as_facts(each) for each in results]}))
    else:
        print("\n".join(describe(results)))
    return EXIT_PROBLEM if has_failed else 0


def describe(results: Iterable[Result]) -> Iterator[str]:
    """A line for each check: mark, name, what was found and what to do."""
    for name, finding in results:
        what, hint = finding.tell()
        line = f"{finding.mark:<5} {name:<16} {what}{'. ' if hint else ''}{hint}"
        yield line.replace("\n", " ")


def _as_facts(result: Result) -> dict[str, str]:
    what, hint = result.finding.tell()
    return {"name": result.name, "mark": result.finding.mark, "what": what, "hint": hint}
