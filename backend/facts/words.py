"""A fault of a stated fact in words: at which path something was found, and what was wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import inspect

Some = TypeVar("Some", bound=msgspec.Struct)
_SHOWN = 60
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_FIELD = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<path>[^`]*)`")
_OWN = re.compile(r"^(?P<path>\w+): wanted (?P<wanted>.*)$")
_PATTERNS = {
    r"^\S{1,64}$": "an opaque id of at most 64 characters without a space; no name",
    r"^([0-9a-f]{16})?$": "the 16 hex digits of a fact, as `vitalpost-backend facts list` has them",
    r"^\d{10}$": "an NPI of ten digits",
    r"^[0-9A-Z]{5}$": "a code of five characters",
    r"^\d{4}-(0[1-9]|1[0-2])$": "a month such as 2026-03",
}


class Fault(NamedTuple):
    """At `path` something was `found` where `wanted` belongs."""

    path: str
    found: str
    wanted: str


def explain(kind: type[msgspec.Struct], body: Mapping[str, object], error: Exception) -> Fault:
    """What msgspec, or the kind itself, has found amiss with a body."""
    wanted = {field.encode_name: tell(field.type) for field in _fields(kind)}
    said = str(error)
    place = _AT.search(said)
    said = _AT.sub("", said)
    if own := _OWN.match(said):
        return Fault(own["path"], show(body.get(own["path"])), own["wanted"])
    if named := _FIELD.match(said):
        path = named["path"]
        if named["what"] == "missing required":
            return Fault(path, "nothing", wanted.get(path, "a value"))
        return Fault(path, "a field that does not belong here", f"one of {', '.join(wanted)}")
    path = place["path"] if place else ""
    return Fault(path, show(body.get(path)), wanted.get(path, "an object"))


def show(value: object) -> str:
    """A value, cut where it is long; none is nothing."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def tell(kind: inspect.Type) -> str:
    """In words what a field takes."""
    match kind:
        case inspect.UnionType(types):
            return " or ".join(tell(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.LiteralType(values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.StrType(pattern=str(pattern)):
            return _PATTERNS[pattern]
        case inspect.StrType(min_length=1):
            return "a text of 1 to 4000 characters"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least}" + (f" to {most}" if most else " on")
    return _WORDS.get(type(kind), "a text")


_WORDS: dict[type[inspect.Type], str] = {
    inspect.DateType: "a date such as 2026-03-01",
    inspect.DateTimeType: "a date and time with its offset, such as 2026-03-01T08:00:00-05:00",
    inspect.BoolType: "true or false",
    inspect.DictType: "an object",
}


def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found.fields


def convert(kind: type[Some], body: Mapping[str, object], *, strict: bool) -> Some | Fault:
    """The body typed; words of a command line where it is not strict."""
    try:
        return msgspec.convert(body, kind, strict=strict)
    except msgspec.ValidationError as error:
        return explain(kind, body, error)
