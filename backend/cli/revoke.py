"""`vitalpost-backend revoke`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.cli.ending import enter_end
from backend.clock import load_clock
from backend.config import load
from backend.enrolment.membership import REVOKED, End, load_revoked_certificates
from backend.keys.keygen import renew_revoked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `HUB --why TEXT`."""
    parser.add_argument("hub", metavar="HUB")
    parser.add_argument("--why", metavar="TEXT", required=True, help="the cause, for the record")
    parser.epilog = "Once it is entered, running it again writes the list of revoked anew."


def run(args: argparse.Namespace) -> int:
    """Enter the fact, then put all certificates of the hub onto the list of revoked."""
    settings = load(args.settings)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    ledger = enter_end(settings, args.hub, End(REVOKED, now_ms, args.why), now_ms)
    with ledger.reading() as connection:
        certificates = load_revoked_certificates(connection)
    path = renew_revoked(Path(settings.keys.dir), certificates)
    print(json.dumps({"hub": args.hub, "crl": str(path)}) if args.json else path)
    print(
        f"hub {args.hub} is revoked: nothing more of it is taken. Give the broker this file and "
        "reload it (SIGHUP, `systemctl reload mosquitto`): then it cannot connect again; restart "
        "the broker to end a connection that is open",
        file=sys.stderr,
    )
    return 0
