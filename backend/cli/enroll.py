"""`vitalpost-backend enroll`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from backend.cli.reader import system_user
from backend.clock import load_clock
from backend.config import load
from backend.enrolment.enroll import Monitoring, answer, enter_hub, enter_monitoring, read
from backend.enrolment.membership import load_member
from backend.errors import EnrolmentRefused
from backend.facts.enrolled import load_enrolled
from backend.facts.log import LOG, FactsLog
from backend.facts.missing import look_for_missing
from backend.keys.folder import load_authority
from backend.ledger import open_ledger

RANDOM_ID_BYTES = 16

_WHOSE = "Say --patient, --zone, --device (or --device-id) and --from."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `REQUEST [--patient P --zone Z (--device M/M/S | --device-id HEX) --from DATE …]`."""
    parser.add_argument(
        "request", metavar="REQUEST", type=Path, help="what `vitalpost provision request` printed"
    )
    parser.add_argument("--patient", metavar="NAME")
    parser.add_argument("--zone", metavar="ZONE", help="as in America/New_York")
    device = parser.add_mutually_exclusive_group()
    device.add_argument(
        "--device", metavar="MAKER/MODEL/SERIAL", dest="identity", type=_parse_names
    )
    device.add_argument(
        "--device-id", metavar="HEX", dest="identity", type=_parse_id, help="its 32 hex digits"
    )
    parser.add_argument("--slot", metavar="N", type=int, help="the device's user slot")
    parser.add_argument(
        "--from",
        metavar="DATE",
        dest="from_date",
        type=date.fromisoformat,
        help="the first local day, as in 2026-03-01",
    )
    parser.add_argument(
        "--reassign", action="store_true", help="the device was another patient's until that day"
    )
    parser.epilog = "Without patient and device a hub that is known gets its certificate renewed."


def run(args: argparse.Namespace) -> int:
    """Enroll, and print the answer for `vitalpost provision install`."""
    begun = _parse_monitoring(args)
    settings = load(args.settings)
    try:
        request = read(args.request.read_bytes())
    except OSError as error:
        raise EnrolmentRefused(
            f"{args.request}: {error.strerror}",
            "Name the file that the hub's request was saved in.",
        ) from error
    keys = Path(settings.keys.dir)
    authority = load_authority(keys)
    now_ms = load_clock(settings.clock).utc_ns() // 1_000_000
    ledger, log = open_ledger(settings, create=True), FactsLog(settings.log_file(LOG))
    look_for_missing(ledger, log, now_ms)
    with ledger.writing() as connection:
        if begun is None and load_member(connection, request.hub) is None:
            raise EnrolmentRefused(f"hub {request.hub} is new", _WHOSE)
        certificate = enter_hub(connection, authority, request, now_ms)
        if begun:
            enter_monitoring(connection, begun, now_ms, reassign=args.reassign)
        whose = begun.patient if begun else ""
        enrolled = list(load_enrolled(connection, system_user(), now_ms, whose))
    log.note(enrolled)
    print(json.dumps(answer(keys, request, certificate, now_ms)))
    print(
        f"hub {request.hub} is enrolled; take this answer to `vitalpost provision install`",
        file=sys.stderr,
    )
    return 0


def _parse_monitoring(args: argparse.Namespace) -> Monitoring | None:
    """Who is to measure with what; None where nothing of it is said."""
    given = (args.patient, args.zone, args.identity, args.from_date)
    if all(one is None for one in (*given, args.slot)) and not args.reassign:
        return None
    if None in given:
        raise EnrolmentRefused("patient, zone, device and first day belong together", _WHOSE)
    return Monitoring(args.patient, args.zone, args.identity, args.slot, args.from_date)


def _parse_names(text: str) -> tuple[str, str, str]:
    maker, _, rest = text.partition("/")
    model, _, serial = rest.rpartition("/")
    if not (maker and model and serial):
        raise argparse.ArgumentTypeError("wanted MAKER/MODEL/SERIAL, or --device-id")
    return maker, model, serial


def _parse_id(text: str) -> bytes:
    try:
        identity = bytes.fromhex(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("wanted 32 hex digits") from error
    if len(identity) != RANDOM_ID_BYTES:
        raise argparse.ArgumentTypeError("wanted 32 hex digits")
    return identity
