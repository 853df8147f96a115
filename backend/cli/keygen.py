"""`vitalpost-backend keygen`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from backend.keys.keygen import add_key, make_keys, make_recipient
from uplink.keys import X25519, X_WING

SUITES = {"x-wing": [X_WING], "x25519": [X25519], "both": [X_WING, X25519]}
NEXT_STEPS = {
    "hpke": "Restart every `vitalpost-backend run` before a hub is answered; hubs that ask daily "
    "have the new key then, others by enroll and install. Keep the old ones with the ledger.",
    "receipt": "Restart every `vitalpost-backend run`; each hub gets receipts by the new key as "
    "soon as it has said that it believes it.",
    "backend": "Name the new files under [broker] cert and key in backend.toml and restart "
    "`vitalpost-backend run`.",
    "broker": "Name the new files in mosquitto.conf and restart the broker.",
    "ca": "Give the broker ca.crt and ca.crl and restart it now, then `vitalpost-backend run`; "
    "certify the broker anew only when every hub has had the new authority.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `DIR [--broker NAME] [--suite SUITE] [--add KIND | --recipient]`."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the keys are to live")
    parser.add_argument(
        "--broker", metavar="NAME", help="host name or IP address: make the broker's keys too"
    )
    parser.add_argument(
        "--suite", choices=SUITES, default="x-wing", help="what hubs seal to; default x-wing"
    )
    parser.add_argument(
        "--add", choices=NEXT_STEPS, help="make one more key of this kind; those of before stay"
    )
    parser.add_argument(
        "--recipient", action="store_true", help="make only a key pair for who gets sealed exports"
    )
    parser.epilog = "`--add broker` needs `--broker NAME`; which key lives how long: docs/keys.md."


def run(args: argparse.Namespace) -> int:
    """Make the keys and print their files."""
    suites = SUITES[args.suite]
    if args.recipient:
        made = make_recipient(args.folder, suites[0])
    elif args.add is None:
        made = make_keys(args.folder, args.broker, suites)
    elif args.add == "hpke":
        made = [path for suite in suites for path in add_key(args.folder, "hpke", suite=suite)]
    elif args.add == "broker" and args.broker is None:
        print("--add broker needs --broker NAME", file=sys.stderr)
        return 2
    else:
        made = add_key(args.folder, args.add, args.broker if args.add == "broker" else None)
    paths = [str(path) for path in made]
    print(json.dumps({"files": paths}) if args.json else "\n".join(paths))
    if args.add:
        print(NEXT_STEPS[args.add], file=sys.stderr)
    return 0
