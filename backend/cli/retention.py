"""`vitalpost-backend retention`."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from backend.cli.reader import add_reader, note
from backend.clock import load_clock
from backend.config import load
from backend.guarding.holds import YEARS, Kept, load_kept, retention_ends_ms
from backend.ledger import open_ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing but who reads."""
    add_reader(parser)
    parser.epilog = f"Nothing is deleted, by this or any other command; kept are {YEARS} years."


def run(args: argparse.Namespace) -> int:
    """Print whose data are older than the retention and on no hold, and which holds there are."""
    settings = load(args.settings)
    ledger = open_ledger(settings)
    note(args, settings, ledger, None, "ages of readings")
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    with ledger.reading() as connection:
        kept = load_kept(connection, now_ms)
    before = _day(retention_ends_ms(now_ms))
    if args.json:
        print(json.dumps({"before": before, "patients": [_as_json(one) for one in kept]}))
        return 0
    for one in kept:
        if one.older and not one.is_held:
            print(f"{one.patient}: {one.older} of {one.readings} readings came before {before}")
        if one.hold and one.hold.is_held:
            since = _day(one.hold.entered_ms)
            print(f"{one.patient}: on hold since {since} by {one.hold.by}: {one.hold.because}")
        if one.missing:
            print(f"{one.patient}: kept, for {one.missing} typed facts are missing")
    return 0


def _as_json(one: Kept) -> dict[str, object]:
    return {
        "patient": one.patient,
        "readings": one.readings,
        "older": one.older,
        "first": _day(one.first_ms),
        "last": _day(one.last_ms),
        "is_held": one.is_held,
        "hold": one.hold and one.hold._asdict(),
        "missing_facts": one.missing,
    }


def _day(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()
