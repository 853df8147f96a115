"""`vitalpost-backend`: one module per command, imported when the command is used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from backend.config import DEFAULT
from backend.errors import BackendError

COMMANDS = {
    "run": "receive records and receipt them",
    "relay": "the same as run, and hand every reading on as JSON",
    "keygen": "make the backend's keys and certificates",
    "enroll": "enroll a hub, and the device that a patient measures with",
    "hubs": "list the hubs: last seen, delivered, parked, refused",
    "retire": "take nothing more of a hub that it seals after an instant",
    "revoke": "take nothing more of a hub, and have the broker refuse it",
    "days": "show a patient's calendar of qualifying days",
    "assess": "judge a file of billing cases: which codes, and why not the others",
    "verify": "open and decode everything in the ledger again",
    "version": "print the version",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 1 a problem, 2 usage, 78 settings."""
    words = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="vitalpost-backend", description="Vitalpost's ledger.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT)
        command.add_argument("--json", action="store_true", help="print data as JSON")
        if name in words[:1]:
            import_module(f"backend.cli.{name}").add_arguments(command)
    args = parser.parse_args(words)
    try:
        return int(import_module(f"backend.cli.{args.command}").run(args))
    except BackendError as error:
        print(error, file=sys.stderr)
        print(error.hint, file=sys.stderr)
        return error.exit_code
