"""`vitalpost`: one module per command, imported when the command is used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType

from gateway.cli.pipe import end_quietly
from gateway.errors import GatewayError, NotAllowed, SettingsError
from uplink.errors import OutboxNewer, UplinkError

COMMANDS = {
    "run": "run the hub",
    "status": "how the running hub stands, and what is amiss",
    "doctor": "check this hub from its settings to a receipt, and say what to do",
    "scan": "who is in range, and which driver is for it",
    "devices": "list, add, test, swap or remove devices",
    "outbox": "count, verify or send once more what waits on flash",
    "setup": "open or close the window in which devices are paired",
    "decode": "show what a driver makes of frames",
    "drivers": "list the installed drivers, or hold them to the rules",
    "config": "check the settings, or print their schema",
    "support-bundle": "gather what support may know of this hub, sealed to support's key",
    "provision": "make this hub's keys, and install what the office answers",
    "demo": "play a month of a patient through hub, broker and backend",
    "version": "print the version",
}
EXIT_PROBLEM = 1
EXIT_USAGE = 2
EXIT_DENIED = 3
EXIT_SETTINGS = 78  # EX_CONFIG of sysexits.h: systemd does not restart after it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Its exit code is 0, 1 a problem, 2 usage, 3 not allowed, 78 settings, 141 nobody reads it.
    """
    words = sys.argv[1:] if argv is None else argv
    # Of the daemon whatever breaks is told: it writes to more than its output.
    is_daemon = words[:1] == ["run"] and not {"-h", "--help"} & {*words}
    return _main(words) if is_daemon else end_quietly(partial(_main, words))


def _main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="vitalpost", description="A home's health gateway.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        if name in words[:1]:
            _load(name).add_arguments(command)
    args = parser.parse_args(words)
    try:
        return int(_load(args.command).run(args))
    except (GatewayError, UplinkError) as error:
        tell(error)
        if isinstance(error, NotAllowed):
            return EXIT_DENIED
        is_set_up_wrong = isinstance(error, SettingsError | OutboxNewer)
        return EXIT_SETTINGS if is_set_up_wrong else EXIT_PROBLEM


def _load(command: str) -> ModuleType:
    return import_module(f"gateway.cli.{command.replace('-', '_')}")


def tell(error: GatewayError | UplinkError) -> None:
    """Say on stderr what is wrong and what to do next."""
    print(error, file=sys.stderr)
    print(error.hint, file=sys.stderr)
