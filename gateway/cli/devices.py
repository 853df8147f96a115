"""`vitalpost devices`: list, add, test, swap and remove devices of the running hub."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli import EXIT_USAGE
from gateway.cli.columns import table
from gateway.cli.following import follow
from gateway.config import DEFAULT_PATH, load_control
from gateway.control.client import ask
from gateway.kinds import KINDS
from gateway.sentences import CONSENT, OLD_STOPS
from gateway.words import ago, yes_no

TITLES = ("NAME", "DRIVER", "BONDED", "HEARD", "LAST SESSION", "FAILURES")
CONSENTS = ("spoken", "signed", "no")
PLACES = ("driver", "address", "ends", "port", "usb", "usb_serial")
LABEL = ("maker", "model", "serial")
NO_CONSENT = (
    f"{CONSENT} Say --consent spoken, --consent signed or --consent no;"
    " in the depot, where no reading is made, --depot."
)
NOT_SURE = "Say --yes: the device is not heard any more, and its bond is removed."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list`, `add [KIND]`, `test NAME`, `swap NAME [KIND]` and `remove NAME`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _declare(actions, "list", "list the enrolled devices")
    adding = _declare(actions, "add", "find, pair, confirm and try out a device")
    _declare_device(adding)
    test = _declare(actions, "test", "follow a test reading to the office")
    test.add_argument("name", metavar="NAME")
    test.add_argument("--visit", metavar="NUMBER", default="", help="of the work order")
    test.add_argument(
        "--not-the-patient", action="store_true", help="the last test reading was somebody else's"
    )
    swap = _declare(actions, "swap", "put another device in the place of one")
    swap.add_argument("name", metavar="NAME", help="the device that is replaced")
    swap.add_argument("--why", choices=("broken", "lost", "old"), required=True)
    _declare_device(swap)
    remove = _declare(actions, "remove", "take a device out of use")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--why", metavar="TEXT", default="removed")
    remove.add_argument("--yes", action="store_true", help="do it")


def run(args: argparse.Namespace) -> int:
    """Do it and return the exit code."""
    control = load_control(args.settings)
    match args.action:
        case "list":
            return _list(ask(control, "devices")["devices"], as_json=args.json)
        case "remove" if not args.yes:
            print(NOT_SURE, file=sys.stderr)
            return EXIT_USAGE
        case "remove":
            _print(ask(control, "device-remove", name=args.name, why=args.why), args)
            return 0
        case "test" if args.not_the_patient:
            _print(ask(control, "device-not-patient", name=args.name), args)
            return 0
        case "test":
            begun = ask(control, "device-test", name=args.name, visit=args.visit)
            return follow(control, begun, as_json=args.json)
    return _add(args)


def _add(args: argparse.Namespace) -> int:
    consent = args.consent or ("" if args.depot else _ask_consent())
    if not consent and not args.depot:
        print(NO_CONSENT, file=sys.stderr)
        return EXIT_USAGE
    facts = {
        name: getattr(args, name) for name in (*PLACES, *LABEL, "visit") if getattr(args, name)
    }
    if args.action == "swap":
        facts |= {"instead_of": args.name, "why": args.why}
    elif args.name:
        facts["name"] = args.name
    if args.passkey is not None:
        facts["passkey"] = args.passkey
    control = load_control(args.settings)
    begun = ask(
        control,
        "device-add",
        kind=args.kind,
        consent=consent,
        history=args.history,
        open=args.open,
        yes=args.yes,
        test=not args.depot,
        **facts,
    )
    if args.action == "swap" and not args.json:
        print(*OLD_STOPS, file=sys.stderr)
    return follow(control, begun, as_json=args.json)


def _ask_consent() -> str:
    if not sys.stdin.isatty():
        return ""
    print(f"{CONSENT} [spoken/signed/no] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().casefold()
    return answer if answer in CONSENTS else ""


def _declare(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=what, description=what)
    action.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    action.add_argument("--json", action="store_true", help="print JSON")
    return action


def _declare_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", nargs="?", default="", choices=("", *KINDS))
    parser.add_argument("--consent", choices=CONSENTS, default="", help=CONSENT)
    parser.add_argument("--visit", metavar="NUMBER", default="", help="of the work order")
    parser.add_argument("--depot", action="store_true", help="no patient yet: no test reading")
    if "swap" not in parser.prog.split():
        parser.add_argument("--name", default="", help="for lists and logs; else the kind's")
    parser.add_argument("--address", default="", help="the device of this Bluetooth address")
    parser.add_argument("--ends", metavar="DIGITS", default="", help="of its name or address")
    parser.add_argument("--port", default="", help="of a serial device")
    parser.add_argument("--usb", metavar="VENDOR:PRODUCT", default="", help="of its cable")
    parser.add_argument("--usb-serial", default="", help="where two cables are alike")
    parser.add_argument("--driver", metavar="ID", default="", help="where two could be for it")
    parser.add_argument("--serial", help="as on the label: confirms it", default="")
    parser.add_argument("--maker", help="where the device does not say it", default="")
    parser.add_argument("--model", help="the same", default="")
    parser.add_argument("--passkey", type=int, metavar="NUMBER", help="that the device shows")
    parser.add_argument("--open", action="store_true", help="it never pairs")
    parser.add_argument("--history", choices=("new", "all"), default="new")
    parser.add_argument("--yes", action="store_true", help="it is the one of the label")


def _list(devices: list[dict[str, Any]], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(devices))
    else:
        table([TITLES, *(tuple(_cells(device)) for device in devices)])
    return 0


def _print(answer: dict[str, Any], args: argparse.Namespace) -> None:
    facts = {name: fact for name, fact in answer.items() if name not in ("id", "ok")}
    if args.json:
        print(json.dumps(facts))
    else:
        print(" ".join(f"{name} {fact}" for name, fact in facts.items()))


def _cells(device: dict[str, Any]) -> Iterator[str]:
    yield device["name"]
    yield device["driver"]
    yield yes_no(is_so=device["bonded"]) if device["bond"] else "not wanted"
    yield ago(device["heard_s"])
    yield device["last_session"] or "none yet"
    yield str(device["failures"])
