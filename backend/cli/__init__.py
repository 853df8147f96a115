"""`vitalpost-backend`: one module per command, imported when the command is used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from backend.cli.pipe import end_quietly
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
    "facts": "state what is known of a patient: orders, consents, devices, time, notes",
    "verdict": "say for a patient which codes are billable, and why the others are not",
    "assess": "judge a file of billing cases: which codes, and why not the others",
    "at-risk": "list what can still be saved of periods and months, by whom, until when",
    "rules": "list the rule sets, load one, and sign it so that it is in force",
    "evidence": "pack the evidence for a patient's period, or sign a package off",
    "verify": "open and decode everything in the ledger, or in a package of evidence, again",
    "access": "list who read a patient's data",
    "missing": "list the facts that were typed and are not in the ledger",
    "hold": "keep a patient's data however old, or no longer",
    "retention": "list what is older than it must be kept",
    "backup": "copy the ledger while it is in use",
    "restore": "put a copy in the place of a ledger that was lost",
    "unseal": "open a file that was sealed to a recipient's key",
    "version": "print the version",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Its exit code is 0, 1 a problem, 2 usage, 78 settings, 141 nobody reads it.
    """
    words = sys.argv[1:] if argv is None else argv
    # Of a daemon whatever breaks is told: it writes to more than its output.
    is_daemon = words[:1] in (["run"], ["relay"]) and not {"-h", "--help"} & {*words}
    return _main(words) if is_daemon else end_quietly(partial(_main, words))


def _main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="vitalpost-backend", description="Vitalpost's ledger.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT)
        command.add_argument("--json", action="store_true", help="print data as JSON")
        if name in words[:1]:
            import_module(f"backend.cli.{name.replace('-', '_')}").add_arguments(command)
    args = parser.parse_args(words)
    try:
        return int(import_module(f"backend.cli.{args.command.replace('-', '_')}").run(args))
    except BackendError as error:
        print(error, file=sys.stderr)
        print(error.hint, file=sys.stderr)
        return error.exit_code
