"""`vitalpost config`: check the settings, upgrade their file, or print its JSON Schema."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.cli import EXIT_SETTINGS
from gateway.clock import load_clock
from gateway.config import DEFAULT_PATH, check_end, make_schema, parse_settings, read_settings
from gateway.control.socket_file import find_group
from gateway.devices import enrol
from gateway.enrolments import FILE, Enrolments
from gateway.errors import ConfigError, ConfigErrors
from gateway.identity.credentials import load_credentials
from gateway.identity.renewal import check_suite
from gateway.links.radio import load_radio
from gateway.matching import refuse_ties
from gateway.registry import load_drivers
from gateway.settings_upgrade import upgrade_file
from gateway.setup import SetupWindow

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `check [--settings FILE] [--json]`, `upgrade [--settings FILE]` and `schema`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="name every fault of the settings and credentials")
    check.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    check.add_argument("--json", action="store_true", help="print one JSON object")
    upgrade = actions.add_parser("upgrade", help="rewrite a settings file of an older version")
    upgrade.add_argument("--settings", metavar="FILE", type=Path, default=DEFAULT_PATH)
    actions.add_parser("schema", help="print the JSON Schema of the settings file")


def run(args: argparse.Namespace) -> int:
    """Do it; where there are faults the exit code is 78."""
    if args.action == "schema":
        print(json.dumps(make_schema(), indent=2))
        return 0
    if args.action == "upgrade":
        found = upgrade_file(args.settings)
        told = f"was of format {found}; it is kept as {args.settings.name}.before"
        print(f"{args.settings}: {told if found else 'is of this format'}", file=sys.stderr)
        return 0
    faults = find_faults(args.settings)
    if args.json:
        named = ("path", "found", "wanted", "hint")
        print(json.dumps({"faults": [{key: getattr(f, key) for key in named} for f in faults]}))
        return EXIT_SETTINGS if faults else 0
    if faults:
        raise ConfigErrors(faults)
    return 0


def find_faults(path: Path) -> list[ConfigError]:
    """Every fault that would keep the hub from starting; credentials only where they are kept."""
    faults: list[ConfigError] = []

    def attempt(check: Callable[[], T]) -> T | None:
        try:
            return check()
        except (ConfigError, ConfigErrors) as error:
            faults.extend(error.faults)
            return None

    text = attempt(lambda: read_settings(path))
    settings = attempt(lambda: parse_settings(text)) if text is not None else None
    if settings and text:
        attempt(lambda: check_end(text))
        attempt(lambda: enrol(settings.devices, load_drivers()))
        attempt(lambda: refuse_ties(load_drivers()))
        if os.access(Path(settings.hub.state) / FILE, os.R_OK):
            attempt(lambda: Enrolments(Path(settings.hub.state), settings.devices))
        attempt(lambda: load_radio(settings.radio, SetupWindow()))
        attempt(lambda: find_group(settings.control.group))
        attempt(lambda: load_clock(settings.clock.source, settings.clock.options))
        if _are_within_reach(settings.credentials):
            hub, installed = settings.hub, attempt(lambda: load_credentials(settings.credentials))
            if installed:
                attempt(lambda: check_suite(installed, hub.id, Path(hub.state), hub.suite))
    return faults


def _are_within_reach(credentials: Path) -> bool:
    """Whether they are kept here: systemd 252 hands them to the daemon, not to its ExecReload=."""
    try:
        return credentials.exists()
    except PermissionError:
        return False
