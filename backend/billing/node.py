"""A cursor over parsed JSON that fails in one way, and remembers what was read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import NoReturn

from backend.billing.zones import Zones, find_zone
from backend.errors import CaseFault

FIRST_YEAR, LAST_YEAR = 1900, 2199  # outside them is a mistake, and no calendar sum overflows
_SHOWN = 60


class Node:
    """A value, its path in the file, and the paths that have been read so far."""

    def __init__(self, value: object, path: str, read: set[str] | None = None) -> None:
        self.value = value
        self.path = path
        self._read = set() if read is None else read

    def at(self, *names: str) -> Node | None:
        """What the first of the names holds that is there and not null."""
        table = self._object()
        found = None
        for name in names:
            if name in table:
                node = Node(table[name], f"{self.path}.{name}", self._read)
                self._read.add(node.path)
                found = found or (node if node.value is not None else None)
        return found

    def need(self, *names: str) -> Node:
        """The same. Raises CaseFault if it is not there."""
        found = self.at(*names)
        if found is None:
            raise CaseFault(f"{self.path}.{names[0]}", "nothing", "a value")
        return found

    def skip(self, *names: str) -> None:
        """What these hold is known, and nothing is decided by it."""
        self.at(*names)

    def items(self) -> Iterator[Node]:
        """Each element of an array."""
        if not isinstance(self.value, list):
            self._refuse("an array")
        for number, value in enumerate(self.value):
            yield Node(value, f"{self.path}[{number}]", self._read)

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Each key of an object with its value."""
        for name, value in self._object().items():
            path = f"{self.path}.{name}"
            self._read.add(path)
            yield name, Node(value, path, self._read)

    def each(self) -> Iterator[Node]:
        """Each element of an array, or the value itself."""
        if isinstance(self.value, list):
            yield from self.items()
        else:
            yield self

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str):
            self._refuse("a string")
        return self.value

    def word(self, words: Collection[str]) -> str:
        """One of the words."""
        if not isinstance(self.value, str) or self.value not in words:
            self._refuse(f"one of {', '.join(words)}")
        return self.value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self._refuse("true or false")
        return self.value

    def whole(self, least: int, most: int) -> int:
        """An integer between two others."""
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self._refuse(f"a whole number from {least} to {most}")
        return value

    def day(self, zones: Zones) -> date:
        """A date; of an instant the patient's civil date."""
        if isinstance(self.value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", self.value):
            return self._time("a date such as 2026-03-01").date()
        return zones.date_at(self.instant())

    def instant(self) -> datetime:
        """A date and time with an offset."""
        told = self.time()
        if told.tzinfo is None:
            self._refuse("a date and time with its offset, such as 2026-03-01T08:00:00-05:00")
        return told

    def time(self) -> datetime:
        """A date and time, perhaps without an offset."""
        return self._time("a date and time such as 2026-03-01T08:00:00-05:00")

    def month(self) -> date:
        """The first date of a month."""
        wanted = "a month such as 2026-03"
        if not re.fullmatch(r"\d{4}-\d\d", self.text()):
            self._refuse(wanted)
        return self._time(wanted, "-01").date()

    def zone(self) -> tzinfo:
        """An IANA zone."""
        found = find_zone(self.text())
        if found is None:
            self._refuse("an IANA zone such as America/New_York")
        return found

    def unread(self) -> Iterator[str]:
        """The paths below this one that nobody has asked for."""
        if isinstance(self.value, Mapping):
            for name, value in self.value.items():
                path = f"{self.path}.{name}"
                if path not in self._read:
                    yield path
                else:
                    yield from Node(value, path, self._read).unread()
        elif isinstance(self.value, list):
            for node in self.items():
                yield from node.unread()

    def _object(self) -> Mapping[str, object]:
        if not isinstance(self.value, Mapping):
            self._refuse("an object")
        return self.value

    def _time(self, wanted: str, rest: str = "") -> datetime:
        try:
            told = datetime.fromisoformat(self.text() + rest)
        except ValueError:
            self._refuse(wanted)
        if not FIRST_YEAR <= told.year <= LAST_YEAR:
            self._refuse(f"a year from {FIRST_YEAR} to {LAST_YEAR}")
        return told

    def _refuse(self, wanted: str) -> NoReturn:
        found = repr(self.value)
        raise CaseFault(self.path, found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…", wanted)
