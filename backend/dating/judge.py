"""When was it measured? One pure function from what every clock said to an interval of UTC.

`docs/time.md` tells the rule in words. In short: the hub's BOOTTIME is turned into UTC by the hub's
own clock where it was synchronised, else by a clock anchor of the same boot. The device's clock is
a row of stretches, each with one offset to UTC, cut where the clock was set and where a reading of
it does not agree with the one before. A device time is judged under every stretch that can have
been in force when it was written; what fits none is held.

All times are milliseconds; device times are naive and counted as if they were UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from backend.dating.histories import History, Shared
from backend.dating.instants import Anchor, Interval, by_boot, instant
from backend.dating.stretches import Offset, between, doubted, less

__all__ = [
    "Anchor",
    "ClockFact",
    "Delivered",
    "Interval",
    "Judgement",
    "Method",
    "Seen",
    "judge",
    "local_date",
]

LIVE_DELAY_MS = 120_000  # a cuff advertises for a minute after measuring; a failed connect repeats
SESSION_MS = 600_000  # no session lasts longer: what came so much later came in another one
SET_WITHOUT_ASKING_MS = 30_000  # a write whose start was not noted: the longest a link waits
LIVE = 1  # uplink.records: origin


class Seen(NamedTuple):
    """One sighting of a reading: when a hub received it, and what the device's clock had said."""

    boot: bytes
    boottime_ms: int
    utc_ms: int
    quality: int
    device_time: datetime | None
    origin: int


class ClockFact(NamedTuple):
    """A device's clock was read, or set, between `asked_ms` and `boottime_ms` of one boot."""

    boot: bytes
    boottime_ms: int
    utc_ms: int
    quality: int
    device_time: datetime
    asked_ms: int | None
    is_set: bool


class Delivered(NamedTuple):
    """Another reading of the device: its device time, and when it first reached a hub (UTC)."""

    device_time: datetime
    arrived_ms: int


class KnownClock(NamedTuple):
    """`cut` gives the stretches by the clock facts that bear on a reading, and these live offsets.

    `doubts` are findings of which nobody knows when they were made: they make no candidate, and
    stand against what there is. What is live was measured when it came, whatever they say.
    """

    cut: Callable[[Sequence[Offset]], History]
    doubts: Sequence[Offset] = ()


class Method(StrEnum):
    """How an interval was found."""

    DEVICE_CORRECTED = "device-corrected"
    RECEIVED = "received"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The intervals in which the reading can have been measured; none and a reason where held."""

    method: Method
    candidates: tuple[Interval, ...]
    reason: str = ""


def judge(
    sightings: Sequence[Seen],
    clock_facts: Iterable[ClockFact],
    anchors: Iterable[Anchor],
    enrolled_ms: int,
    delivered: Iterable[Delivered] = (),
) -> Judgement:
    """Return when one reading was measured, from all its sightings and its device's clock facts.

    `clock_facts` are in the order of one hub's records; that matters for those in a boot of which
    nobody knows the time. `anchors` are those of the boots named by the sightings and facts;
    further ones do no harm.
    `enrolled_ms` is when the device was first given to a patient: a device hands over its memory
    at the first contact, so a candidate from before counts only where there is no later one.
    `delivered` are other readings of the device, wanted only where there are several candidates:
    in whose stretch an earlier session handed over something newer, this one had not been measured.
    """
    anchors_by_boot = by_boot(anchors)
    offsets, doubts = _find_offsets(clock_facts, anchors_by_boot)
    shared = Shared(offsets)

    def cut(live: Sequence[Offset]) -> History:
        return shared.cut(0, len(offsets), live)

    return judge_by(sightings, KnownClock(cut, doubts), anchors_by_boot, enrolled_ms, delivered)


def _find_offsets(
    clock_facts: Iterable[ClockFact], anchors: Mapping[bytes, Sequence[Anchor]]
) -> tuple[list[Offset], list[Offset]]:
    """What the clock was found to be, and what only lay between two findings."""
    offsets: list[Offset] = []
    doubts: list[Offset] = []
    undated: list[datetime] = []
    for fact in clock_facts:
        offset = find_offset(fact, anchors)
        if offset is None:
            undated.append(fact.device_time)
            continue
        if offsets:
            doubts += between(offsets[-1], offset, undated)
        undated = []
        offsets.append(offset)
    return offsets, doubts


def judge_by(
    sightings: Sequence[Seen],
    clock: KnownClock,
    anchors_by_boot: Mapping[bytes, Sequence[Anchor]],
    enrolled_ms: int,
    delivered: Iterable[Delivered] = (),
) -> Judgement:
    """As `judge`, by what is known of the device's clock."""
    received = [
        (seen, at) for seen in sightings if (at := instant(Anchor(*seen[:4]), anchors_by_boot))
    ]
    if not received:
        return Judgement(Method.HELD, (), "hub-clock-unknown")
    arrived_ms = min(at.to_ms for _, at in received)
    live = [(seen, at) for seen, at in received if seen.origin == LIVE]

    device_time = next((s.device_time for s in sightings if s.device_time is not None), None)
    if device_time is not None:
        history = clock.cut([_offset_of_live(device_time, at) for _, at in live])
        found = history.candidates(device_time, arrived_ms, enrolled_ms)
        if len(found) > 1:
            earlier_ms = arrived_ms - SESSION_MS
            handed_over = [
                history.candidates(other.device_time, other.arrived_ms, enrolled_ms)
                for other in delivered
                if other.device_time > device_time and other.arrived_ms < earlier_ms
            ]
            # Only what can have been measured in one stretch alone says anything of that stretch.
            passed = {only[0].stretch for only in handed_over if len(only) == 1}
            found = [c for c in found if c.stretch not in passed] or found
        if found:
            intervals = sorted(
                {
                    *(candidate.measured for candidate in found),
                    *(() if live else doubted(device_time, clock.doubts, arrived_ms)),
                }
            )
            return Judgement(Method.DEVICE_CORRECTED, tuple(intervals))
    if live:
        at = min((at for _, at in live), key=lambda at: at.to_ms)
        return Judgement(Method.RECEIVED, (Interval(at.from_ms - LIVE_DELAY_MS, at.to_ms),))
    if device_time is None:
        return Judgement(Method.HELD, (), "no-device-time")
    return Judgement(
        Method.HELD, (), "device-clock-fault" if history.own else "device-clock-unknown"
    )


def local_date(judgement: Judgement, zone: ZoneInfo) -> date | None:
    """Return the one local date in which every candidate lies wholly, or None."""
    try:
        dates = {
            datetime.fromtimestamp(end // 1000, UTC).astimezone(zone).date()
            for candidate in judgement.candidates
            for end in candidate
        }
    except (ValueError, OverflowError):  # beyond the year 9999
        return None
    return dates.pop() if len(dates) == 1 else None


def find_offset(fact: ClockFact, anchors: Mapping[bytes, Sequence[Anchor]]) -> Offset | None:
    """What the fact says of the clock; None while nobody knows when it was."""
    done = instant(Anchor(*fact[:4]), anchors)
    if done is None:
        return None
    took_ms = SET_WITHOUT_ASKING_MS
    if fact.asked_ms is not None:
        took_ms = max(0, fact.boottime_ms - fact.asked_ms)
    at = Interval(done.from_ms - took_ms, done.to_ms)
    return Offset(at, less(at, fact.device_time), fact.is_set)


def _offset_of_live(device_time: datetime, received: Interval) -> Offset:
    at = Interval(received.from_ms - LIVE_DELAY_MS, received.to_ms)
    return Offset(at, less(at, device_time), is_set=False)
