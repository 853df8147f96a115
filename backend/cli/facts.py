"""`vitalpost-backend facts`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec
from sqlalchemy import select

from backend.cli.parsing import add_action
from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import Settings, load
from backend.errors import FactFault, PatientUnknown
from backend.facts.entry import Entered, enter, parse, parse_lines
from backend.facts.kinds import KINDS, WITHDRAWAL
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import look_for_missing
from backend.facts.rows import Stated, load_stated
from backend.ledger import open_ledger
from backend.tables import patient
from backend.utc import as_instant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `add KIND PATIENT [FIELD=VALUE …]`, `import FILE` and `list PATIENT`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = add_action(actions, "add", "state one fact, or correct one")
    add.add_argument("kind", metavar="KIND", choices=[*KINDS, WITHDRAWAL], help=", ".join(KINDS))
    add.add_argument("patient", metavar="PATIENT")
    add.add_argument("fields", metavar="FIELD=VALUE", nargs="*", default=[])
    add.add_argument("--by", metavar="ACTOR", required=True, help="who states it")
    add.add_argument("--because", metavar="CAUSE", required=True, help="how that is known")
    add.add_argument("--replaces", metavar="FACT", default="", help="the fact that was wrong")
    add.epilog = f"KIND {WITHDRAWAL} with --replaces takes a fact back."
    bring = add_action(actions, "import", "state the facts of a file of JSON Lines: all or none")
    bring.add_argument("file", metavar="FILE", type=Path)
    show = add_action(actions, "list", "the facts of a patient that hold")
    show.add_argument("patient", metavar="PATIENT")
    add_reader(show)


def run(args: argparse.Namespace) -> int:
    """Enter or list."""
    settings = load(args.settings)
    if args.action == "list":
        return _list(settings, args)
    if args.action == "add":
        statements = [parse(0, _told(args), strict=False)]
    else:
        statements = parse_lines(_read(args.file))
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    ledger, log = open_ledger(settings), FactsLog(settings.log_file(LOG))
    look_for_missing(ledger, log, now_ms)
    with ledger.writing() as connection:
        entered = enter(connection, statements, now_ms)
    look_for_missing(ledger, log, now_ms)  # notes outside the database what is new
    _report(entered, args)
    return 0


def _told(args: argparse.Namespace) -> dict[str, object]:
    body: dict[str, str] = {}
    for word in args.fields:
        name, equals, value = word.partition("=")
        if not equals or name in body:
            raise FactFault(0, name, repr(word), "each field once, as FIELD=VALUE")
        body[name] = value
    told = {"patient": args.patient, "kind": args.kind, "by": args.by, "because": args.because}
    return told | {"body": body, "replaces": args.replaces}


def _read(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise FactFault(
            0, str(file), error.strerror or "no file", "a file of JSON Lines"
        ) from error


def _report(entered: Entered, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(entered._asdict()))
    elif args.action == "add":
        print(*entered.added, *entered.known)
    print(f"{len(entered.added)} added, {len(entered.known)} known already", file=sys.stderr)


def _list(settings: Settings, args: argparse.Namespace) -> int:
    ledger = open_ledger(settings)
    note(args, settings, ledger, args.patient, "typed facts")
    with ledger.reading() as connection:
        known = connection.scalar(select(patient.c.id).where(patient.c.id == args.patient))
        if known is None:
            raise PatientUnknown(args.patient)
        found = load_stated(connection, args.patient, tuple(KINDS))
    if args.json:
        print(json.dumps({"patient": args.patient, "facts": [_as_json(one) for one in found]}))
        return 0
    for one in found:
        body = " ".join(f"{name}={value}" for name, value in msgspec.to_builtins(one.body).items())
        print(f"{one.name}  {_instant(one.at_ms)}  {one.actor}  {one.kind}  {body}  ({one.cause})")
    return 0


def _as_json(one: Stated) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "body": msgspec.to_builtins(one.body),
        "by": one.actor,
        "at": _instant(one.at_ms),
        "because": one.cause,
    }


def _instant(ms: int) -> str:
    return as_instant(ms).isoformat(timespec="seconds")
