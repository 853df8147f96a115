"""`vitalpost drivers`: which drivers are installed, and whether they keep to the rules."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from drivers.conformance import check, count_cases
from drivers.conformance_golden import GoldenError
from drivers.grades import grade_of
from drivers.spi import Driver
from gateway.registry import load_drivers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `list [--json]` and `check [ID…] [--json]`."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="the installed drivers, their devices and grades")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    checking = actions.add_parser("check", help="hold drivers to the rules of docs/drivers.md")
    checking.add_argument("ids", metavar="ID", nargs="*", help="those to check; all if none")
    checking.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what was asked; return 0, 1 where a driver breaks a rule, or 2 for usage."""
    if args.action == "check":
        return _check(args.ids, as_json=args.json)
    drivers = load_drivers().values()
    if args.json:
        print(json.dumps([_facts(driver) for driver in drivers]))
        return 0
    for driver in drivers:
        info = driver.info
        print(f"{info.id} {info.version}  {info.transport}  {_grade(driver) or 'no golden file'}")
        for device in info.devices:
            print(f"    {device}")
    return 0


def _check(ids: list[str], *, as_json: bool) -> int:
    drivers = load_drivers()
    if unknown := [id_ for id_ in ids if id_ not in drivers]:
        known = ", ".join(drivers)
        print(f"No driver {', '.join(unknown)}. Installed: {known}.", file=sys.stderr)
        return 2
    checked = {id_: check(drivers[id_]) for id_ in ids or drivers}
    findings = [finding for found in checked.values() for finding in found]
    if as_json:
        cases = {id_: count_cases(drivers[id_]) for id_ in checked}
        print(json.dumps({"checked": cases, "findings": [each._asdict() for each in findings]}))
        return 1 if findings else 0
    for id_, found in checked.items():
        verdict = f"{len(found)} findings" if found else "keeps to every rule"
        print(f"{id_} {drivers[id_].info.version}  {count_cases(drivers[id_])} cases  {verdict}")
    for finding in findings:
        print(f"{finding.driver}: {finding.rule}: {finding.what}\n{finding.hint}", file=sys.stderr)
    return 1 if findings else 0


def _grade(driver: Driver) -> str | None:
    """The driver's grade; None where its golden file cannot be used: `check` says why."""
    try:
        return grade_of(driver)
    except GoldenError:
        return None


def _facts(driver: Driver) -> dict[str, Any]:
    info = driver.info
    return {
        "id": info.id,
        "version": info.version,
        "transport": info.transport,
        "devices": info.devices,
        "grade": _grade(driver),
        "match": info.match,
        "names": info.names,
        "metrics": [metric.name for metric in info.metrics],
        "characteristics": info.characteristics,
        "writes": info.writes,
        "line": info.line and info.line._asdict(),
        "commands": [command.hex() for command in info.commands],
    }
