"""Reads as much of CDDL (RFC 8610) as docs/wire.cddl uses, and matches CBOR with its rules.

Of the validators on PyPI one does not import beside today's cbor2; the other has no aarch64 wheel
and gives up at tags.
"""

import re
from io import BytesIO
from typing import NamedTuple

import cbor2

TOKEN = re.compile(
    r"h'[0-9a-f]*'|\"[^\"]*\"|#6\.\d+|=>|//|\.\.|\.[a-z]+"
    r"|-?0x[0-9a-f]+|-?\d+|[A-Za-z][A-Za-z0-9-]*|[\][(){}=:,/?*+]"
)
NUMBER = re.compile(r"-?(0x[0-9a-f]+|\d+)")
OCCURS = {"?": (0, 1), "*": (0, 10**9), "+": (1, 10**9)}
TYPES = {
    "int": int,
    "float": float,
    "tstr": str,
    "bstr": bytes,
    "bool": bool,
    "null": type(None),
}


class Entry(NamedTuple):
    """Part of a group: how often, under which key (a type, None: none), and what."""

    low: int
    high: int
    key: tuple | None
    what: tuple


class _Raw(dict):
    def __missing__(self, tag):
        return lambda value, _immutable: cbor2.CBORTag(tag, value)


def load(data):
    """The one item in `data`, whose tags stay tags."""
    stream = BytesIO(data)
    decoder = cbor2.CBORDecoder(
        stream, semantic_decoders=_Raw(), allow_indefinite=False, allow_duplicate_keys=False
    )
    value = decoder.decode()
    if stream.tell() != len(data):
        raise ValueError("bytes behind the item")
    return value


class Cddl:
    """The rules of one text, by name."""

    def __init__(self, text):
        text = re.sub(r";[^\n]*", "", text)
        assert not TOKEN.sub("", text).strip(), "wanted nothing but what is read here"
        self._tokens = [*TOKEN.findall(text), ""]
        self.rules = {}
        while self._tokens[0]:
            name = self._next("=")
            self.rules[name] = ("group", self._group(")")) if self._has("(") else self._type()

    def matches(self, rule, data):
        """Whether `data` is CBOR that this rule allows."""
        return self._holds(("name", rule), data)

    def _holds(self, what, data):
        try:
            return self._is(what, load(data))
        except (cbor2.CBORError, ValueError):
            return False

    def _next(self, *following):
        token = self._tokens.pop(0)
        for wanted in following:
            assert self._tokens.pop(0) == wanted, f"wanted {wanted} after {token}"
        return token

    def _has(self, token):
        """Whether this is the next token; it is taken."""
        return self._tokens[0] == token and bool(self._tokens.pop(0))

    def _type(self):
        choices = [self._controlled()]
        while self._has("/"):
            choices.append(self._controlled())
        return ("choice", choices)

    def _controlled(self):
        what = self._simple()
        if self._has(".."):
            return ("range", what[1], self._simple()[1])
        if self._tokens[0].startswith("."):
            return (self._next(), what, self._simple())
        return what

    def _simple(self):
        token = self._next()
        if token == "[":
            return ("array", self._group("]"))
        if token == "{":
            return ("map", self._group("}"))
        if token.startswith("#6."):
            assert self._has("(")
            what = self._type()
            assert self._has(")")
            return ("tag", int(token[3:]), what)
        if token.startswith('"'):
            return ("literal", token.strip('"'))
        if token.startswith("h'"):
            return ("literal", bytes.fromhex(token[2:-1]))
        return ("literal", int(token, 0)) if NUMBER.fullmatch(token) else ("name", token)

    def _group(self, end):
        """Choices, each a list of entries."""
        choices = [[]]
        while not self._has(end):
            if self._has("//"):
                choices.append([])
            else:
                choices[-1].append(self._entry())
                self._has(",")
        return choices

    def _entry(self):
        low, high = OCCURS[self._next()] if self._tokens[0] in OCCURS else (1, 1)
        if self._has("("):
            return Entry(low, high, None, ("group", self._group(")")))
        what = self._type()
        if self._has("=>"):
            return Entry(low, high, what, self._type())
        if self._has(":"):
            (_, [label]) = what
            return Entry(low, high, label if label[0] == "literal" else None, self._type())
        return Entry(low, high, None, what)

    def _is(self, what, value):  # noqa: C901  one line for each form a type can have
        """Whether the type matches the value."""
        match what:
            case ("choice", choices):
                return any(self._is(choice, value) for choice in choices)
            case ("range", low, high):
                return type(value) is int and low <= value <= high
            case (".size", of, (_, size)):
                return self._is(of, value) and len(value) == size
            case (".regexp", of, (_, pattern)):
                return self._is(of, value) and re.fullmatch(pattern, value) is not None
            case (".cbor", of, inner):
                return self._is(of, value) and self._holds(inner, value)
            case ("array", choices):
                return type(value) is list and len(value) in self._ends(choices, value, 0)
            case ("map", [entries]):
                return type(value) is dict and self._is_map(self._flat(entries), value)
            case ("tag", number, of):
                is_tag = type(value) is cbor2.CBORTag and value.tag == number
                return is_tag and self._is(of, list(value.value))
            case ("literal", literal):
                return type(value) is type(literal) and value == literal
            case ("name", "any"):
                return True
            case ("name", name) if name in TYPES:
                return type(value) is TYPES[name]
            case ("name", name):
                return self._is(self.rules[name], value)
        raise AssertionError(f"a type that is not read here: {what}")

    def _ends(self, choices, items, at):
        """Where a group that begins at `at` can end."""
        ends = set()
        for entries in choices:
            reached = {at}
            for entry in entries:
                reached = {end for start in reached for end in self._repeat(entry, items, start)}
            ends |= reached
        return ends

    def _repeat(self, entry, items, at):
        ends, reached = set(), {at}
        for times in range(min(entry.high, len(items)) + 1):
            ends |= reached if times >= entry.low else set()
            reached = {end for start in reached for end in self._once(entry, items, start)}
        return ends

    def _once(self, entry, items, at):
        if entry.what[0] == "group":
            return self._ends(entry.what[1], items, at)
        return {at + 1} if at < len(items) and self._is(entry.what, items[at]) else set()

    def _flat(self, entries):
        """The entries, with those of groups that are named."""
        for entry in entries:
            match entry.what:
                case ("choice", [("name", name)]) if self.rules.get(name, "?")[0] == "group":
                    yield from self.rules[name][1][0]
                case _:
                    yield entry

    def _is_map(self, entries, value):
        entries = list(entries)
        known = {entry.key[1]: entry for entry in entries if entry.key[0] == "literal"}
        others = [entry for entry in entries if entry.key[0] != "literal"]
        return all(
            self._is(known[key].what, item)
            if key in known and type(key) is type(known[key].key[1])
            else any(self._is(e.key, key) and self._is(e.what, item) for e in others)
            for key, item in value.items()
        ) and all(key in value or not entry.low for key, entry in known.items())
