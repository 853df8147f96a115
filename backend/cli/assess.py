"""`vitalpost-backend assess`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

import msgspec

from backend.billing.assess import Assessed, answer_json, assess
from backend.billing.policy import choices, parse_policy
from backend.billing.verdict import judge, judge_every_way
from backend.billing.wording import tell
from backend.errors import CaseFault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `FILE [--policy NAME=VALUE …] [--why]`."""
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?")
    parser.add_argument(
        "--policy", metavar="NAME=VALUE", nargs="+", action="extend", default=[], help=choices()
    )
    parser.add_argument(
        "--why", action="store_true", help="tell each verdict in words, with what is unsettled"
    )
    parser.epilog = "Exits 1 and names the fault where a case is faulty; the others are judged."


def run(args: argparse.Namespace) -> int:
    """Print the answers; what is faulty, and what was not looked at, goes to stderr."""
    words: list[str] = args.policy
    if args.file is None and words and "=" not in words[-1]:
        args.file = Path(words.pop())  # it came last, after a --policy
    if args.file is None:
        print("no FILE of cases was named", file=sys.stderr)
        print("Run `vitalpost-backend assess --help`.", file=sys.stderr)
        return 2
    policy = parse_policy(words)
    found = assess(_load(args.file), policy, judge_every_way if args.why else judge)
    if args.why and not args.json:
        _tell(found)
    else:
        print(json.dumps(_as_json(found, args), indent=None if args.json else 2))
    places = Counter(re.sub(r"\[\d+\]", "", path) for path in found.unread)
    for name, count in sorted(places.items()):
        print(f"{name}: not looked at in {count} places, no rule asks for it", file=sys.stderr)
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        print(CaseFault.hint, file=sys.stderr)
    return 1 if found.faults else 0


def _load(path: Path) -> object:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise CaseFault(str(path), error.strerror or "no file", "a file of cases") from error
    except (ValueError, RecursionError) as error:
        raise CaseFault(str(path), str(error), "JSON") from error


def _tell(found: Assessed) -> None:
    for answer in found.answers:
        print(answer.id)
        for line in tell(answer.verdict):
            print(f"  {line}")


def _as_json(found: Assessed, args: argparse.Namespace) -> dict[str, object]:
    cases = []
    for answer in found.answers:
        case = dict(answer_json(answer))
        if args.why:
            verdict = answer.verdict
            case["codes"] = msgspec.to_builtins(verdict.codes)
            case["policy"] = verdict.policy.settings
            case["rule_sets"] = verdict.rule_sets
            case["flags"] = msgspec.to_builtins(verdict.flags)
        cases.append(case)
    return {"cases": cases}
