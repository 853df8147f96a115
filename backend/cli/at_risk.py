"""`vitalpost-backend at-risk`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec

from backend.cli.parsing import as_argument
from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import load
from backend.errors import SinkFailed
from backend.ledger import open_ledger
from backend.patients.at_risk import Item, find_all
from backend.relay.sinks.token import load_token
from backend.relay.sinks.webhook import Webhook, check_url
from backend.utc import as_instant
from drivers.errors import Retry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `[--webhook URL | --out FILE]`."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--webhook", metavar="URL", type=as_argument(check_url), help="post the list as JSON"
    )
    where.add_argument("--out", metavar="FILE", type=Path, help="write the list as JSON")
    add_reader(parser)
    parser.epilog = "Changes no count, and lists nothing that can no longer be reached."


def run(args: argparse.Namespace) -> int:
    """List what can still be saved."""
    settings = load(args.settings)
    sink = Webhook(args.webhook, load_token(settings)) if args.webhook else None
    as_of = as_instant(load_clock(settings.clock).utc_ns() // 1_000_000)
    ledger = open_ledger(settings)
    note(args, settings, ledger, None, "what is at risk")
    with ledger.reading() as connection:
        items = find_all(connection, as_of)
    told = msgspec.json.encode({"as_of": as_of, "items": items})
    if sink:
        sink.post(told, {"Content-Type": "application/json"})
    elif args.out:
        _write(args.out, told)
    elif args.json:
        print(told.decode())
    else:
        for item in items:
            print(_line(item))
    print(f"{len(items)} can still be saved", file=sys.stderr)
    return 0


def _line(item: Item) -> str:
    codes = ", ".join(item.codes)
    return f"{item.until}  {item.patient}  {item.who}: {item.words} ({codes})"


def _write(file: Path, told: bytes) -> None:
    """In place of the list of before, whole."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600, exist_ok=False)
        with beside.open("wb") as opened:
            opened.write(told)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError as error:
        hint = "Name a file in a folder that this user may write to."
        raise SinkFailed(f"{file}: {error.strerror}", Retry.TECHNICIAN, hint) from error
