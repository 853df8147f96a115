"""`vitalpost provision`: make this hub's keys and request, and install what the office answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from gateway.config import DEFAULT_PATH, load_settings
from gateway.errors import AnswerRefused
from gateway.identity.provision import install_answer, make_request


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `request [--renew] [--settings FILE]` and `install ANSWER [--settings FILE]`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    request = actions.add_parser("request", help="make the keys and print the request to enrol")
    request.add_argument(
        "--renew", action="store_true", help="ask for new keys, made beside the present ones"
    )
    install = actions.add_parser("install", help="install the office's answer")
    install.add_argument("answer", metavar="ANSWER", type=Path, help="answer.json of the office")
    for action in (request, install):
        action.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)


def run(args: argparse.Namespace) -> int:
    """Print the request as one JSON object, or install the answer."""
    settings = load_settings(args.settings)
    if args.action == "request":
        request = make_request(settings.credentials, settings.hub.id, renew=args.renew)
        print(msgspec.json.encode(request).decode())
        return 0
    try:
        data = args.answer.read_bytes()
    except OSError as error:
        raise AnswerRefused(f"{args.answer}: {error.strerror}") from error
    install_answer(settings.credentials, settings.hub.id, data)
    print(f"Installed in {settings.credentials}; restart the hub to use it.", file=sys.stderr)
    return 0
