"""`vitalpost-backend rules`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec

from backend.cli.parsing import add_action
from backend.clock import load_clock
from backend.config import load
from backend.errors import RuleSetRefused
from backend.facts.rule_rows import (
    Known,
    Signature,
    enter_rule_set,
    list_rule_sets,
    parse_rule_set,
    sign_rule_set,
)
from backend.ledger import open_ledger
from backend.utc import as_instant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list [ID]`, `load FILE --by PERSON` and `sign ID --hash HASH --by PERSON …`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = add_action(actions, "list", "the rule sets, or all that one holds")
    show.add_argument("id", metavar="ID", nargs="?")
    bring = add_action(actions, "load", "enter a rule set, which nobody bills by yet")
    bring.add_argument("file", metavar="FILE", type=Path)
    bring.add_argument("--by", metavar="PERSON", required=True)
    sign = add_action(actions, "sign", "put a loaded rule set in force")
    sign.add_argument("id", metavar="ID")
    sign.add_argument("--hash", metavar="HASH", required=True, help="of what was read")
    sign.add_argument("--by", metavar="PERSON", required=True, help="who answers for it")
    sign.add_argument("--because", metavar="CAUSE", required=True, help="by which source")


def run(args: argparse.Namespace) -> int:
    """List, load or sign."""
    settings = load(args.settings)
    ledger = open_ledger(settings)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    if args.action == "list":
        with ledger.reading() as connection:
            known = list(list_rule_sets(connection))
        return _list(known, args)
    if args.action == "load":
        found = parse_rule_set(_read(args.file))
        with ledger.writing() as connection:
            is_new = enter_rule_set(connection, found, args.by, now_ms)
        print(json.dumps({"id": found.id, "sha256": found.hash, "is_new": is_new}))
        print("nobody bills by it before a person has read and signed it", file=sys.stderr)
        return 0
    with ledger.writing() as connection:
        signed = Signature(args.by, now_ms, args.because)
        sign_rule_set(connection, args.id, args.hash, signed)
    print(f"rule set {args.id} is in force, signed by {args.by}", file=sys.stderr)
    return 0


def _list(known: list[Known], args: argparse.Namespace) -> int:
    if args.id:
        found = next((one for one in known if one.rules.id == args.id), None)
        if found is None:
            names = ", ".join(one.rules.id for one in known)
            raise RuleSetRefused(f"no rule set {args.id!r}", f"Choose from: {names}.")
        print(msgspec.json.format(msgspec.json.encode(found.rules), indent=2).decode())
    elif args.json:
        print(json.dumps([_as_json(one) for one in known]))
    else:
        for one in known:
            rules, names = one.rules, ", ".join(signed.actor for signed in one.signatures)
            how = "published" if one.is_published else f"signed by {names}" if names else "unsigned"
            first, last = rules.first or "ever", rules.last or "ever"
            print(f"{rules.id}  {first} to {last}  {how}  sha256 {rules.hash}")
    return 0


def _as_json(one: Known) -> dict[str, object]:
    rules = one.rules
    return {
        "id": rules.id,
        "version": rules.version,
        "first": rules.first and rules.first.isoformat(),
        "last": rules.last and rules.last.isoformat(),
        "sha256": rules.hash,
        "is_published": one.is_published,
        "is_in_force": one.is_in_force,
        "signatures": [
            {"by": name, "at": as_instant(at_ms).isoformat(), "because": cause}
            for name, at_ms, cause in one.signatures
        ],
    }


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RuleSetRefused(
            f"{file}: {error.strerror}", "Name the file that holds the rule set."
        ) from error
