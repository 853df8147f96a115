"""Words of a command line as numbers, months, instants and what else a check makes of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def as_argument(check: Callable[[str], T]) -> Callable[[str], T]:
    """What the check returns; its ValueError in argparse's words."""

    def parse(text: str) -> T:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def parse_number(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or not 1 <= int(text) <= 1200:  # noqa: PLR2004  a hundred years
        raise argparse.ArgumentTypeError("wanted a whole number from 1 to 1200")
    return int(text)


def parse_month(text: str) -> date:
    """The first date of a month."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise argparse.ArgumentTypeError("wanted a month such as 2026-03") from error


def parse_time(text: str) -> datetime:
    """An instant."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("wanted a time as in 2026-03-01T12:00Z") from error
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("a time without a zone: end it with Z for UTC")
    return when.astimezone(UTC)


def add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str
) -> argparse.ArgumentParser:
    """One action, that takes the options of every command behind its name as well."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what, description=what)
    parser.add_argument("--settings", metavar="FILE", type=Path, default=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    return parser
