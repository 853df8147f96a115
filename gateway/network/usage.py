"""How many bytes each interface has carried in a month, kept over restarts, reboots and wraps.

`network.json` in the hub's state: the sums of three months, and the kernel's counters as they were
last seen. It is written once 64 kB are not in it, at most every ten minutes, else once a day and at
the end: a power cut makes the hub forget no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from gateway import state_file
from gateway.network.traffic import Counter

FILE = "network.json"
FORMAT = 1
UNSAVED_BYTES = 64_000
SPARING_S, DAY_S = 10 * 60, 24 * 60 * 60
MONTHS, INTERFACES = 3, 16
OTHER = "other"
SMALL_COUNTER = 1 << 32
MOST_AT_ONCE = 1 << 30  # 1 GiB between two looks a minute apart is 143 Mbit/s
HINT = "Nothing to do: the hub counts the data of this month anew."

log = structlog.get_logger()


class Carried(Struct, omit_defaults=True):
    """By one interface in one month."""

    kind: str
    received: int = 0
    sent: int = 0


class Seen(Struct, frozen=True):
    """A counter of the kernel as it was last read."""

    received: int
    sent: int
    number: int


class Kept(Struct):
    """The file. A month is named 2026-11, "" until the hub first knows the time."""

    months: dict[str, dict[str, Carried]] = {}
    seen: dict[str, Seen] = {}
    boot: str = ""
    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)] = FORMAT


class Usage:
    """Read when it is made. `writes` counts how often the file was replaced since."""

    def __init__(self, state: Path, boot: bytes) -> None:
        self.writes = 0
        self._path = state / FILE
        self._kept = self._read()
        if self._kept.boot != boot.hex():  # every counter has begun at 0 again
            self._kept.seen.clear()
            self._kept.boot = boot.hex()
        self._unsaved = 0
        self._saved_s: float | None = None

    @property
    def month(self) -> str:
        """The month that is counted."""
        return next(reversed(self._kept.months), "")

    @property
    def carried(self) -> Mapping[str, Carried]:
        """In this month, by interface."""
        return self._kept.months.get(self.month, {})

    def total(self, kind: str) -> int:
        """Bytes both ways of all interfaces of a kind in this month."""
        return sum(each.received + each.sent for each in self.carried.values() if each.kind == kind)

    def count(self, counters: Mapping[str, Counter], month: str) -> None:
        """Add what was carried since the last call; no `month` where the hub does not know it."""
        self._turn_to(month or self.month)
        sums = self._kept.months[self.month]
        for name, counter in counters.items():
            seen = self._kept.seen.get(name)
            known = seen if seen and seen.number == counter.number else Seen(0, 0, counter.number)
            received = _since(known.received, counter.received)
            sent = _since(known.sent, counter.sent)
            self._kept.seen[name] = Seen(counter.received, counter.sent, counter.number)
            if received or sent:
                kept_as = name if name in sums or len(sums) < INTERFACES else OTHER
                into = sums.setdefault(kept_as, Carried(counter.kind))
                into.kind = counter.kind
                into.received += received
                into.sent += sent
                self._unsaved += received + sent
        for name in [name for name in self._kept.seen if name not in counters][:-INTERFACES]:
            del self._kept.seen[name]

    def is_due(self, now_s: float) -> bool:
        """Whether what is not on flash yet is worth a write."""
        if self._saved_s is None:
            self._saved_s = now_s
        pause_s = SPARING_S if self._unsaved >= UNSAVED_BYTES else DAY_S
        return self._unsaved > 0 and now_s - self._saved_s >= pause_s

    def save(self, now_s: float) -> None:
        """Put it on flash, if there is anything new. Raises OSError."""
        if self._unsaved:
            self._saved_s = now_s
            state_file.replace(self._path, msgspec.json.encode(self._kept))
            self._unsaved = 0
            self.writes += 1

    def _turn_to(self, month: str) -> None:
        months = self._kept.months
        sums = months.pop(month, None)
        if sums is None:  # what was counted before the time was known is of the first month that is
            sums = months.pop("", {})
        months[month] = sums
        while len(months) > MONTHS:
            del months[next(iter(months))]

    def _read(self) -> Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except (FileNotFoundError, NotADirectoryError):
            return Kept()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("data-count-lost", error=type(error).__name__, hint=HINT)
            return Kept()


def _since(before: int, now: int) -> int:
    """How far a counter has gone: it may have wrapped at 32 bits, or begun again at 0."""
    if now >= before:
        return now - before
    wrapped = now - before + SMALL_COUNTER
    return wrapped if before < SMALL_COUNTER and wrapped < MOST_AT_ONCE else now
