"""What time it is, and how sure that is: by the kernel, the office's receipts and the modem.

The hub sets no clock. Stamps are the kernel's, of quality 0 while it is not synchronised; what
others say then goes into anchors only (`best`), so that a better word that comes later still counts
for all that was received in this boot. A receipt tells the time from both sides: it was signed
after the office had a record that was sealed here a moment ago, and before it came back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any, NoReturn

import structlog

from gateway.clock import Clock, Moment, load_clock, read_moment
from gateway.reports import Problem
from gateway.settings import Settings
from gateway.timekeeping.floor import Floor
from gateway.timekeeping.proof import Proof
from gateway.timekeeping.sources import OFFICE, SYSTEM, Sources, Word
from uplink.journal import Journal
from uplink.tls import Span
from uplink.wire import Receipt

LOOK_S = 30.0
FRESH_MS = 10 * 60_000
LEEWAY_MS = 5 * 60_000  # the office's clock and the kernel's may differ by this much
LONG_MS = 24 * 60 * 60_000
DENIED_HINT = "Readings are kept, unsure. Check the time servers of this network, and the office's."
REFUSED_HINT = "It is earlier than the office's last receipt or this release: it cannot be so."
NO_TIME_HINT = "Readings are kept, and wait for a clock. Let this network reach a time server."

log = structlog.get_logger()


class Timekeeper:
    """A `Clock`, a `Calendar` for TLS, and the reporter "clock".

    `clock` is what stamps are made by, `machine` the kernel's, by which certificates are judged: a
    script's clock says nothing of them. `told_ms` is the time of the office's newest answer.
    """

    name = "clock"

    def __init__(
        self, clock: Clock, machine: Clock, floor: Floor, told_ms: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._machine = machine
        self._floor = floor
        self._told_ms = told_ms
        self._sources = Sources()
        self._proof = Proof(self._boottime_ms)
        self._chain_ends_s = inf
        self._began_ms = self._boottime_ms()
        self._synchronised_ms: int | None = None
        self._said: str | None = None
        self._refused: set[str] = set()
        self._due = asyncio.Event()

    def boottime_ns(self) -> int:
        """As the clock says it."""
        return self._clock.boottime_ns()

    def utc_ns(self) -> int:
        """As the clock says it."""
        return self._clock.utc_ns()

    def boot_id(self) -> bytes:
        """As the clock says it."""
        return self._clock.boot_id()

    def quality(self) -> int:
        """0 as well where the office's signed time denies what the clock says."""
        now = read_moment(self._clock)
        return 0 if now.quality and self._is_denied(now) else now.quality

    def best(self, now: Moment) -> Moment:
        """The same instant by whoever knows UTC best; `now` itself where nobody knows better."""
        word = None if now.quality else self._sources.best(now.boottime_ms)
        return Moment(word.boottime_ms, word.utc_ms, word.quality) if word else now

    def believe(self, utc_ms: int, boottime_ms: int, error_ms: int, source: str) -> bool:
        """Somebody says that it was `utc_ms` at this BOOTTIME, give or take `error_ms`.

        False where that cannot be so. `source` is one of `gateway.timekeeping.sources`.
        """
        word = Word(boottime_ms, utc_ms, error_ms, source)
        if utc_ms + error_ms < self.floor_ms:
            if source not in self._refused:
                log.warning("clock-word-refused", source=source, hint=REFUSED_HINT)
            self._refused.add(source)
            return False
        self._refused.discard(source)
        self._sources.take(word)
        return True

    @property
    def floor_ms(self) -> int:
        """It is certainly not earlier."""
        return self._floor.at_least_ms(self._told_ms())

    def present(self) -> Span:
        """When it can be now: by the kernel while that is synchronised, else any time from here."""
        now = read_moment(self._machine)
        floor_ms = self.floor_ms
        is_denied = self._machine is self._clock and self._is_denied(now)
        if now.quality and now.utc_ms >= floor_ms and not is_denied:
            return Span(now.utc_ms / 1000, now.utc_ms / 1000)
        return Span(floor_ms / 1000, inf)

    def accepted(self, chain: Span) -> None:
        """The broker's certificates end here; an office's wrong clock must not pass them."""
        self._chain_ends_s = chain.to_s

    def follow(self, journal: Journal) -> Journal:
        """That journal of the recorder; it tells what is sealed, which receipts then name."""
        return self._proof.follow(journal)

    def receipted(self, receipt: Receipt) -> None:
        """A receipt has come, verified, for this hub."""
        age_ms = self._proof.age_ms(receipt)
        is_fresh = 0 <= age_ms <= FRESH_MS
        self._floor.note(int(min(receipt.utc_ms, self._chain_ends_s * 1000)), is_fresh=is_fresh)
        if is_fresh:
            half_ms = int(age_ms) // 2
            at_ms = self._boottime_ms()
            self._sources.take(Word(at_ms, receipt.utc_ms + half_ms, half_ms + 1, OFFICE))
        if self._floor.is_due:
            self._due.set()

    async def run(self) -> NoReturn:
        """Watch the clock; write the floor when it is due, at most once a day as time passes."""
        while True:
            self.look()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._due.wait()
            except TimeoutError:
                continue
            self._due.clear()
            try:
                await asyncio.to_thread(self._floor.save)
            except OSError as error:
                log.warning("time-floor-not-kept", error=error.strerror or type(error).__name__)

    def look(self) -> None:
        """Note how the clock stands; each change is logged."""
        now = read_moment(self)
        if now.quality:
            self._synchronised_ms = now.boottime_ms
            word = Word(now.boottime_ms, now.utc_ms, 1 << now.quality, SYSTEM)
            self._sources.take(word)
        source = self.source(now)
        if self._said not in (None, source):
            log.info("clock-source", source=source or "none", quality=self.best(now).quality)
        self._said = source

    def source(self, now: Moment) -> str:
        """By whom the time is known: system, office or modem; empty where by nobody."""
        if now.quality:
            return SYSTEM
        best = self._sources.best(now.boottime_ms)
        return best.source if best else ""

    def facts(self) -> dict[str, Any]:
        """How the clock stands; `synchronised_s` is how long ago it last was, in this process."""
        now = read_moment(self)
        since_ms = self._synchronised_ms
        return {
            "utc_ms": now.utc_ms,
            "quality": now.quality,
            "source": self.source(now) or None,
            "source_quality": self.best(now).quality,
            "synchronised_s": None if since_ms is None else (now.boottime_ms - since_ms) // 1000,
            "floor_ms": self.floor_ms,
            "floor_writes": self._floor.writes,
        }

    def problems(self) -> Iterator[Problem]:
        """What is amiss beyond that the clock is not synchronised at this moment."""
        now = read_moment(self._clock)
        if now.quality and self._is_denied(now):
            yield Problem("the hub's clock and the office's do not agree", DENIED_HINT, True)
        elif not self.source(now) and now.boottime_ms - self._began_ms > LONG_MS:
            yield Problem("the hub has not known the time for a day", NO_TIME_HINT, True)

    def _boottime_ms(self) -> int:
        return self._clock.boottime_ns() // 1_000_000

    def _is_denied(self, now: Moment) -> bool:
        if now.utc_ms + LEEWAY_MS < self._floor.receipt_ms:
            return True
        office = self._sources.last(OFFICE, now.boottime_ms)
        said = Word(now.boottime_ms, now.utc_ms, 1 << now.quality, SYSTEM)
        return bool(office and not office.agrees(said, LEEWAY_MS))


def keep_time(settings: Settings, machine: Clock, told_ms: Callable[[], int]) -> Timekeeper:
    """The timekeeper of a hub with these settings. Raises ConfigError where its clock is amiss."""
    clock = load_clock(settings.clock.source, settings.clock.options, machine)
    return Timekeeper(clock, machine, Floor(Path(settings.hub.state)), told_ms)
