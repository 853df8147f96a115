"""What D-Bus brings: a property may lack, be of another type, or come from the air."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Interfaces = Mapping[str, Mapping[str, Any]]
Objects = Mapping[str, Interfaces]

LONGEST = 32


def number(found: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 where there is none."""
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def flag(found: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """True or false, the default where it is neither."""
    value = found.get(name)
    return value if isinstance(value, bool) else default


def text(found: Mapping[str, Any], name: str) -> str:
    """At most 32 printable characters: an operator's name is whatever a mast sends."""
    value = found.get(name)
    printable = "".join(filter(str.isprintable, value)) if isinstance(value, str) else ""
    return printable[:LONGEST].strip()


def path(found: Mapping[str, Any], name: str) -> str:
    """An object's path; "" for none, which D-Bus writes as "/"."""
    value = found.get(name)
    return value if isinstance(value, str) and value != "/" else ""


def paths(found: Mapping[str, Any], name: str) -> list[str]:
    """Objects' paths in their order."""
    return [each for each in rows(found, name) if isinstance(each, str) and each != "/"]


def rows(found: Mapping[str, Any], name: str) -> list[Any]:
    """An array or a struct; empty where it is neither."""
    value = found.get(name)
    return list(value) if isinstance(value, list | tuple) else []


def having(objects: Objects, interface: str) -> Iterator[tuple[str, Interfaces]]:
    """The objects that have this interface, by their paths."""
    for where in sorted(objects):
        if interface in objects[where]:
            yield where, objects[where]
