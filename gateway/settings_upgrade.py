"""The formats of the settings file, and the way from an older one to this one.

`hub.format` says which one a file has; a file of the first format says nothing. A hub reads older
settings as if they had been upgraded, and leaves the file alone, which is not its own.
`vitalpost config upgrade` rewrites the file, once: comments and order stay, the old file is kept
beside it as NAME.before. Settings of a later format are refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gateway import state_file
from gateway.errors import ConfigError, ConfigErrors, FormatNewer, NotAllowed


class Renamed(NamedTuple):
    """A setting that has got another name within its table."""

    table: str
    old: str
    new: str


Steps = tuple[tuple[Renamed, ...], ...]

STEPS: Steps = ((),)
"""What each format after the first has renamed; the second one says its number."""

FORMAT = len(STEPS) + 1

_TABLE = re.compile(r"\s*\[+\s*([A-Za-z0-9_-]+)\s*\]+")
_KEY = re.compile(r"(\s*)([A-Za-z0-9_-]+)(\s*=.*)", re.DOTALL)


def find_format(tables: dict[str, Any]) -> int:
    """The format that the file says it has."""
    hub = tables.get("hub")
    found = hub.get("format", 1) if isinstance(hub, dict) else 1
    is_one = isinstance(found, int) and not isinstance(found, bool) and found > 0
    return found if is_one else FORMAT  # what is none of that is named like any other fault


def upgrade_tables(
    tables: dict[str, Any], steps: Steps = STEPS, name: str = "settings"
) -> dict[str, Any]:
    """The same settings as this format says them. Raises FormatNewer."""
    found, known = find_format(tables), len(steps) + 1
    if found > known:
        raise FormatNewer(name, found, known)
    if found == known or not isinstance(tables.get("hub"), dict):
        return tables
    upgraded = {**tables, "hub": {**tables["hub"], "format": known}}
    for each in _renames(steps, found):
        match upgraded.get(each.table):
            case dict() as table:
                upgraded[each.table] = _rename(table, each)
            case list() as several:
                upgraded[each.table] = [_rename(one, each) for one in several]
    return upgraded


def upgrade_text(text: str, steps: Steps = STEPS) -> str:
    """The same file in this format. Raises ConfigErrors where that takes a person."""
    tables = tomllib.loads(text)
    found, known = find_format(tables), len(steps) + 1
    wanted = upgrade_tables(tables, steps)
    if wanted is tables:
        return text
    renames = list(_renames(steps, found))
    new = "".join(_rewrite(text, renames, known))
    if tomllib.loads(new) != wanted:
        said = [f"{each.table}.{each.old} is {each.new} now" for each in renames]
        hint = "; ".join([f"Write it by hand: hub.format = {known}", *said]) + "."
        fault = ConfigError("settings", "a file of its own style", f"format {known}", hint)
        raise ConfigErrors([fault])
    return new


def upgrade_file(path: Path, steps: Steps = STEPS) -> int | None:
    """Rewrite the file if it is of an older format, which is then told.

    Whoever is killed meanwhile leaves the old file or the new one. Raises ConfigErrors, NotAllowed.
    """
    try:
        old = path.read_bytes()
        text = old.decode()
        found, new = find_format(tomllib.loads(text)), upgrade_text(text, steps).encode()
    except PermissionError as error:
        raise NotAllowed(str(path), "Run it as the file's owner.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigErrors([ConfigError(str(path), str(error), "a settings file")]) from error
    if new == old:
        return None
    try:
        state_file.keep_before(path)
        state_file.replace(path, new, like=path)
    except PermissionError as error:
        raise NotAllowed(str(path), "Run it as the file's owner.") from error
    return found


def _renames(steps: Steps, found: int) -> Iterator[Renamed]:
    return (each for step in steps[found - 1 :] for each in step)


def _rename(table: Any, each: Renamed) -> Any:
    if not isinstance(table, dict) or each.old not in table or each.new in table:
        return table
    return {each.new if key == each.old else key: value for key, value in table.items()}


def _rewrite(text: str, renames: Sequence[Renamed], known: int) -> Iterator[str]:
    table = ""
    for line in text.splitlines(keepends=True):
        if found := _TABLE.match(line):
            table = found[1]
            yield line
            if table == "hub":
                yield f"format = {known}\n"
        elif found := _KEY.fullmatch(line):
            space, key, rest = found.groups()
            for each in renames:
                key = each.new if (table, key) == each[:2] else key
            if (table, key) != ("hub", "format"):
                yield f"{space}{key}{rest}"
        else:
            yield line
