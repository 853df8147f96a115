"""Which readings count, on which date and in which period, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from backend.billing.facts import Facts, Lock, Reading
from backend.billing.periods import Periods
from backend.billing.policy import Policy
from backend.billing.reasons import Exclusion
from backend.billing.sieve import DateOf, Sieve, belonging
from backend.billing.zones import UTC_DAYS, Zones


class Counted(NamedTuple):
    """A reading that counts, its date, and the number of the period that holds it."""

    reading: Reading
    day: date
    number: int


class Sifted(NamedTuple):
    """Every reading once, and the periods that the first counted one begins."""

    counted: Sequence[Counted]
    excluded: Sequence[tuple[Reading, Exclusion]]
    periods: Periods | None

    @property
    def only_reason(self) -> Exclusion | None:
        """The one reason for which nothing counts at all, if it is one."""
        reasons = {reason for _, reason in self.excluded}
        return reasons.pop() if not self.counted and len(reasons) == 1 else None


def sift(facts: Facts, as_of: datetime, policy: Policy, kinds: Iterable[str]) -> Sifted:
    """Sift all readings by what was known at `as_of`."""
    zones = UTC_DAYS if policy.day == "utc" else facts.zones
    date_of: DateOf = datetime.date if policy.day == "event_offset" else zones.date_at
    is_moving = len(zones.rows) > 1 and policy.day == "home"
    sieve = Sieve(facts, policy, frozenset(kinds), start_of(facts, policy), as_of, date_of)
    if facts.locks:
        # A locked claim has fixed the periods by what was here when the first one was locked.
        locked_at = min(lock.at for lock in facts.locks)
        counted, _ = _sift(sieve._replace(as_of=min(as_of, locked_at)))
        fixed = _begin(counted, sieve, zones)
        dating = _frozen(fixed) if fixed and is_moving else date_of
        sieve = sieve._replace(is_late=_lateness(facts.locks, fixed, dating, policy))
    counted, excluded = _sift(sieve)
    periods = _begin(counted, sieve, zones)
    if periods is None:
        return Sifted(counted, excluded, None)
    if is_moving:
        counted, excluded = _sift(sieve._replace(date_of=_frozen(periods)))
    numbered = (one._replace(number=periods.number_of(one.day)) for one in counted)
    return Sifted(sorted(numbered, key=_in_order), excluded, periods)


def start_of(facts: Facts, policy: Policy) -> date | None:
    """The first date on which a reading can count: the latest of order, consent and set-up.

    One that is missing does not move it: what is missing blocks codes instead. An episode that
    follows another does not begin before its own first date.
    """
    setup = facts.setup.on if facts.setup else None
    dates = [facts.episode_start, setup]
    if policy.before_consent == "excluded":  # AMB-7
        dates += [facts.ordered, facts.consent.given if facts.consent else None]
    return max((day for day in dates if day), default=None)


def _sift(sieve: Sieve) -> tuple[list[Counted], list[tuple[Reading, Exclusion]]]:
    judged = [(reading, sieve.judge(reading)) for reading in sieve.facts.readings]
    excluded = [(reading, found) for reading, found in judged if isinstance(found, Exclusion)]
    kept = [Counted(r, found, 0) for r, found in judged if not isinstance(found, Exclusion)]
    # Of several sightings the first that came is the reading.
    counted: dict[str, Counted] = {}
    kept.sort(key=_by_receipt)
    again = [k.reading for k in kept if counted.setdefault(k.reading.identity, k) is not k]
    excluded += [(reading, Exclusion.DUPLICATE) for reading in again]
    return list(counted.values()), excluded


def _by_receipt(one: Counted) -> tuple[datetime, date]:
    assert one.reading.received is not None
    return one.reading.received, one.day


def _in_order(one: Counted) -> tuple[date, str]:
    return one.day, one.reading.identity


def _begin(counted: Iterable[Counted], sieve: Sieve, zones: Zones) -> Periods | None:
    """The periods from the first valid reading on, or from the set-up (R-PER-1, AMB-2)."""
    first = min((one.day for one in counted), default=None)
    if sieve.policy.anchor == "setup":
        setup = sieve.facts.setup
        first = setup.on if setup else sieve.start or first
    return Periods(first, zones) if first else None


def _lateness(
    locks: Sequence[Lock], periods: Periods | None, date_of: DateOf, policy: Policy
) -> Callable[[Reading], bool]:
    """Whether a reading came after the lock of its period, or would move the periods now."""

    def is_late(reading: Reading) -> bool:
        instant, received = belonging(reading, policy), reading.received
        day = date_of(instant) if instant else None
        if day is None or received is None:
            return False
        return any(received > lock.at and is_of(day, lock) for lock in locks)

    def is_of(day: date, lock: Lock) -> bool:
        if periods is None:
            locked_on = date_of(lock.at)
            return locked_on is None or day <= locked_on
        return day < periods.anchor or periods.number_of(day) == lock.period

    return is_late


def _frozen(periods: Periods) -> DateOf:
    """Dates in the zone that each period froze; before the first period in the zone of the time."""
    begins = periods.number(1).begins

    def date_of(instant: datetime) -> date | None:
        if found := periods.holding(instant):
            return found[1]
        # No seam lies before the first one: who moved on day 1 has no earlier period.
        return periods.zones.date_at(instant) if instant < begins else None

    return date_of
