"""What a whole run must have been: one small model over what everyone says they did.

A history is all steps in the order in which they were written down. Each part writes a step when it
is done, and who goes on from another's step writes later. The steps that are looked at:

    device   measured, confirmed (it may forget now), dropped (it forgot what nobody had)
    hub      sealed, committed, published, receipted, released
    worker   committed, published: of the office, which may have any number of them
    either   killed: with -9, written down in its name by who did it
    hub      drained: so says who conducts the run, once the office had all that was committed
    hub      wiped: its flash is gone; so says who wiped it, naming all that went with it for good
    office   restored: the ledger is an older copy, and these records are what it holds
    office   stored, counted, held: what the ledger says in the end

A sequence is sealed once. A hub commits what it sealed, publishes what it committed, and releases
what it has a receipt for; a worker receipts what it committed. In the end all is stored that a hub
released, or had committed when it was drained, and every reading that was confirmed to its device;
a reading is counted once, on the day on which it was measured, or held. What was wiped is lost, all
of it, and nothing else is: that is declared beforehand, not found out.

Records are named by kid and sequence, readings by their id. A device whose frames have no time
cannot name its readings: those are only counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

Name = tuple[str, int]


class Step(NamedTuple):
    """One step: who did what, to which sequences of which kid (ends included), to which readings.

    `day` is the patient's date of a measurement or a count; none where a measurement failed.
    """

    by: str
    did: str
    records: Mapping[str, Sequence[Sequence[int]]] = {}
    readings: Sequence[str] = ()
    day: str | None = None


class Verdict(NamedTuple):
    """`violation` is one sentence on the first thing that cannot be; `counts` is what there was."""

    violation: str | None
    counts: Mapping[str, int]

    @property
    def sentence(self) -> str:
        """For a report."""
        return f"{self.counts['steps']} steps, {self.violation or 'sound'}"


class Violation(Exception):
    """What cannot be, in one sentence."""


def judge(steps: Iterable[Step], hubs: Collection[str]) -> Verdict:
    """Judge a history; whoever commits and is none of `hubs` is a worker of the office."""
    records, readings = _Records(hubs), _Readings()
    counts = records.counts = readings.counts
    violation = None
    try:
        for step in steps:
            counts["steps"] += 1
            counts["killed"] += step.did == "killed"
            records.take(step)
            readings.take(step)
        records.end()
        readings.end()
    except Violation as found:
        violation = str(found)
    return Verdict(violation, counts)


def find_undelivered(steps: Iterable[Step], hubs: Collection[str]) -> set[Name]:
    """What is committed on a hub and not in the ledger so far. Raises Violation."""
    records = _Records(hubs)
    for step in steps:
        records.take(step)
    return records.undelivered


class _Records:
    """The way of each record: names in sets, each a set of the one before it on the way."""

    def __init__(self, hubs: Collection[str]) -> None:
        self.counts: Counter[str] = Counter()
        self._hubs = hubs
        self._sealed: dict[str, set[Name]] = {hub: set() for hub in hubs}
        self._last: dict[str, int] = {}  # sequence of each kid
        self._kept: set[Name] = set()  # committed on a hub
        self._perhaps: set[Name] = set()  # sealed by a hub that was killed before it said more
        self._taken: set[Name] = set()  # committed by a worker, at any time
        self._held: set[Name] = set()  # of these, what the ledger has now
        self._wiped: set[Name] = set()  # gone with a hub's flash, as was declared
        self._receipted: dict[str, set[Name]] = defaultdict(set)
        self._due: set[Name] = set()  # what must be stored in the end
        self._stored: set[Name] | None = None

    @property
    def undelivered(self) -> set[Name]:
        """What was committed on a hub and is not in the ledger, and can still come."""
        return self._kept - self._held - self._wiped

    def take(self, step: Step) -> None:
        """Take the next step. Raises Violation."""
        match step.did:
            case "sealed":
                self._seal(step)
            case "stored":
                self._stored = (self._stored or set()) | self._names(step)
            case "restored":
                self._held = self._names(step)
                self._demand(step, self._taken, "has it in a copy and never committed it")
            case _ if step.by in self._hubs:
                self._take_hubs(step)
            case "committed":
                self._keep_after_all(self._names(step), f"{step.by} stored it, no hub had")
                self._taken |= self._names(step)
                self._held |= self._names(step)
            case "published":
                self._demand(step, self._held, "sent a receipt for it before its own commit")

    def end(self) -> None:
        """Raises Violation where something is missing in the end, or is too much."""
        if self._stored is None:
            raise Violation("nobody says what is stored in the end")
        self.counts["kept"] = len(self._kept)
        self.counts["lost"] = len(lost := self._due - self._stored - self._wiped)
        self.counts["wiped"] = len(self._wiped)
        self.counts["waiting"] = len(self._kept - self._stored - self._wiped - lost)
        if lost:
            raise Violation(f"{_tell(lost)} was handed over by a hub and is not stored")
        if found := self._wiped & self._stored:
            raise Violation(f"{_tell(found)} went with a hub's flash and is stored")
        if strange := self._stored - self._kept - self._perhaps:
            raise Violation(f"{_tell(strange)} is stored and no hub had committed it")

    def _take_hubs(self, step: Step) -> None:
        match step.did:
            case "committed":
                self._demand(step, self._sealed[step.by], "committed it and had not sealed it")
                self._kept |= self._names(step)
            case "published":
                what = f"{step.by} published it and had not committed it"
                self._keep_after_all(self._names(step), what)
            case "receipted":
                self._demand(step, self._taken, "had a receipt for what no worker had committed")
                self._receipted[step.by] |= self._names(step)
            case "released":
                self._demand(step, self._receipted[step.by], "released it without a receipt")
                self._due |= self._names(step)
                self.counts["released"] += len(self._names(step))
            case "drained":
                self._due |= self._sealed[step.by] & self._kept
            case "wiped":
                self._demand(step, self._sealed[step.by], "lost it and had not sealed it")
                self._wiped |= self._names(step)
            case "killed":
                self._perhaps |= self._sealed[step.by] - self._kept

    def _seal(self, step: Step) -> None:
        for kid, ranges in step.records.items():
            for first, last in ranges:
                if first != self._last.get(kid, 0) + 1:
                    before = f"{self._last.get(kid, 0)} was the last before"
                    raise Violation(f"{step.by} sealed {kid}/{first} and {before}")
                self._last[kid] = last
                self._sealed[step.by] |= {(kid, n) for n in range(first, last + 1)}
                self.counts["sealed"] += last - first + 1

    def _demand(self, step: Step, known: set[Name], what: str) -> None:
        if strange := self._names(step) - known:
            raise Violation(f"{_tell(strange)}: {step.by} {what}")

    def _keep_after_all(self, names: set[Name], what: str) -> None:
        """A hub that was killed may have committed what it had no time to say."""
        if strange := names - self._kept - self._perhaps:
            raise Violation(f"{_tell(strange)}: {what}")
        self._kept |= names

    def _names(self, step: Step) -> set[Name]:
        """The names in a step. A receipt may name sequences that nobody gave out: not those."""
        is_receipt = step.did == "receipted"
        return {
            (kid, n)
            for kid, ranges in step.records.items()
            for first, last in ranges
            for n in range(first, 1 + (min(last, self._last.get(kid, 0)) if is_receipt else last))
        }


class _Readings:
    """What became of each act of measuring."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._days: dict[str, str | None] = {}
        self._unnamed: list[str | None] = []  # the days of those that have no name
        self._dropped: Counter[str | None] = Counter()  # of these, which need not be anywhere
        self._confirmed: set[str] = set()
        self._confirmed_unnamed = 0
        self._wiped: set[str] = set()
        self._stored: set[str] = set()
        self._counted: list[tuple[str, str | None]] = []
        self._held: set[str] = set()

    def take(self, step: Step) -> None:
        """Take the next step."""
        match step.did:
            case "measured" if step.readings:
                self._days |= dict.fromkeys(step.readings, step.day)
            case "measured":
                self._unnamed.append(step.day)
            case "confirmed":
                self._confirmed.update(step.readings)
                self._confirmed_unnamed += not step.readings
            case "wiped":
                self._wiped.update(step.readings)
            case "dropped":
                self.counts["dropped"] += 1
                self._dropped[step.day] += not step.readings
            case "stored":
                self._stored.update(step.readings)
            case "counted":
                self._counted += ((reading, step.day) for reading in step.readings)
            case "held":
                self._held.update(step.readings)

    def end(self) -> None:
        """Raises Violation where a reading is lost, made up, counted twice or on a wrong day."""
        unnamed = self._stored - self._days.keys()
        lost = self._confirmed - self._stored - self._wiped
        lost_unnamed = max(0, self._confirmed_unnamed - len(unnamed))
        times = Counter(reading for reading, _ in self._counted)
        self.counts["measured"] = len(self._days) + len(self._unnamed)
        self.counts["stored"] = len(self._stored)
        self.counts["lost"] += len(lost) + lost_unnamed
        self.counts["twice"] = times.total() - len(times)
        self.counts["held"] = len(self._held)
        self.counts["readings wiped"] = len(self._wiped)
        if found := self._wiped & self._stored:
            raise Violation(f"reading {min(found)} went with a hub's flash and is stored")
        if lost:
            raise Violation(f"reading {min(lost)} was confirmed to its device and is not stored")
        if lost_unnamed:
            raise Violation(f"{lost_unnamed} of the readings without a name are not stored")
        if len(unnamed) > len(self._unnamed):
            raise Violation(f"reading {min(unnamed)} is stored and nobody measured it")
        if self.counts["twice"]:
            raise Violation(f"reading {max(times, key=lambda name: times[name])} is counted twice")
        self._check_days(unnamed)

    def _check_days(self, unnamed: set[str]) -> None:
        counted = dict(self._counted)
        for reading, day in sorted(counted.items()):
            if reading not in self._stored:
                raise Violation(f"reading {reading} is counted and not stored")
            if reading not in unnamed and day != self._days[reading]:
                raise Violation(f"reading {reading} counts on {day}, not {self._days[reading]}")
        for reading in sorted(self._stored - unnamed - counted.keys() - self._held):
            if self._days[reading]:
                raise Violation(f"reading {reading} of {self._days[reading]} counts on no day")
        found = Counter(counted[reading] for reading in unnamed & counted.keys())
        for day, times in sorted(Counter(filter(None, self._unnamed)).items()):
            least = 0 if self._held else times - self._dropped[day]
            if not least <= found[day] <= times:
                raise Violation(f"{found[day]} readings count on {day}, {times} were measured")


def _tell(names: set[Name]) -> str:
    """The first of the names, and how many more."""
    kid, sequence = min(names)
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{kid}/{sequence}{more}"
