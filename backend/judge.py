"""When was it measured? One pure function from what every clock said to an interval of UTC.

`docs/time.md` tells the rule in words. In short: the hub's BOOTTIME is turned into UTC by the hub's
own clock where it was synchronised, else by a clock anchor of the same boot. The device's clock is
a row of stretches, each with one offset to UTC, cut where the clock was set and where a reading of
it does not agree with the one before. A device time is judged under every stretch that can have
been in force when it was written; what fits none is held.

All times are milliseconds; device times are naive and counted as if they were UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

DEVICE_RESOLUTION_MS = 1_000  # device clocks are read and set in whole seconds
DEVICE_DRIFT_PPM = 200  # 17 s a day: ten times a watch crystal's
HUB_DRIFT_PPM = 100  # BOOTTIME between an anchor and a record; twice a Pi's crystal
LIVE_DELAY_MS = 120_000  # a cuff advertises for a minute after measuring; a failed connect repeats
SESSION_MS = 600_000  # no session lasts longer: what came so much later came in another one
SET_WITHOUT_ASKING_MS = 30_000  # a write whose start was not noted: the longest a link waits
LIVE = 1  # uplink.records: origin


class Interval(NamedTuple):
    """Both ends included."""

    from_ms: int
    to_ms: int

    def widen(self, by_ms: int) -> Interval:
        """Return this interval, longer by `by_ms` at both ends."""
        return Interval(self.from_ms - by_ms, self.to_ms + by_ms)

    def meets(self, other: Interval) -> bool:
        """Whether the two share an instant."""
        return self.from_ms <= other.to_ms and other.from_ms <= self.to_ms


class Anchor(NamedTuple):
    """BOOTTIME and UTC of one hub at one instant; quality as in `uplink.records.Stamp`."""

    boot: bytes
    boottime_ms: int
    utc_ms: int
    quality: int


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


class _Offset(NamedTuple):
    """UTC less device time, as found at an instant."""

    at: Interval
    offset: Interval
    is_set: bool


@dataclass(slots=True, eq=False)
class _Stretch:
    """A time in which one offset was in force, up to drift; the ends are the widest possible."""

    found: list[_Offset]
    from_ms: float
    to_ms: float = float("inf")


class _Candidate(NamedTuple):
    stretch: _Stretch
    measured: Interval


def judge(
    sightings: Sequence[Seen],
    clock_facts: Iterable[ClockFact],
    anchors: Iterable[Anchor],
    enrolled_ms: int,
    delivered: Iterable[Delivered] = (),
) -> Judgement:
    """Return when one reading was measured, from all its sightings and its device's clock facts.

    `anchors` are those of the boots named by the sightings and facts; further ones do no harm.
    `enrolled_ms` is when the device was first given to a patient: a device hands over its memory
    at the first contact, so a candidate from before counts only where there is no later one.
    `delivered` are other readings of the device, wanted only where there are several candidates:
    in whose stretch an earlier session handed over something newer, this one had not been measured.
    """
    anchors_by_boot = _by_boot(anchors)
    received = [
        (seen, at)
        for seen in sightings
        if (at := _instant(seen.boot, seen.boottime_ms, seen.utc_ms, seen.quality, anchors_by_boot))
    ]
    if not received:
        return Judgement(Method.HELD, (), "hub-clock-unknown")
    arrived_ms = min(at.to_ms for _, at in received)
    live = [(seen, at) for seen, at in received if seen.origin == LIVE]

    device_time = next((s.device_time for s in sightings if s.device_time is not None), None)
    if device_time is not None:
        offsets = [o for f in clock_facts if (o := _offset(f, anchors_by_boot))]
        offsets += [_offset_of_live(device_time, at) for _, at in live]
        stretches = _stretches(offsets)
        found = _candidates(stretches, device_time, arrived_ms, enrolled_ms)
        if len(found) > 1:
            earlier_ms = arrived_ms - SESSION_MS
            handed_over = [
                _candidates(stretches, other.device_time, other.arrived_ms, enrolled_ms)
                for other in delivered
                if other.device_time > device_time and other.arrived_ms < earlier_ms
            ]
            # Only what can have been measured in one stretch alone says anything of that stretch.
            passed = {only[0].stretch for only in handed_over if len(only) == 1}
            found = [c for c in found if c.stretch not in passed] or found
        if found:
            intervals = sorted({candidate.measured for candidate in found})
            return Judgement(Method.DEVICE_CORRECTED, tuple(intervals))
    if live:
        at = min((at for _, at in live), key=lambda at: at.to_ms)
        return Judgement(Method.RECEIVED, (Interval(at.from_ms - LIVE_DELAY_MS, at.to_ms),))
    if device_time is None:
        return Judgement(Method.HELD, (), "no-device-time")
    return Judgement(Method.HELD, (), "device-clock-fault" if offsets else "device-clock-unknown")


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


def _by_boot(anchors: Iterable[Anchor]) -> dict[bytes, list[Anchor]]:
    trusted: dict[bytes, list[Anchor]] = {}
    for anchor in anchors:
        if anchor.quality > 0:
            trusted.setdefault(anchor.boot, []).append(anchor)
    return trusted


def _instant(
    boot: bytes, boottime_ms: int, utc_ms: int, quality: int, anchors: dict[bytes, list[Anchor]]
) -> Interval | None:
    """UTC of an instant on a hub: by its own clock, else by the anchor that leaves least doubt."""
    if quality > 0:
        return Interval(utc_ms, utc_ms).widen(1 << quality)
    by_anchor = (
        Interval(utc, utc).widen(
            (1 << a.quality) + _drift(boottime_ms - a.boottime_ms, HUB_DRIFT_PPM)
        )
        for a in anchors.get(boot, ())
        for utc in (a.utc_ms + boottime_ms - a.boottime_ms,)
    )
    return min(by_anchor, key=lambda at: at.to_ms - at.from_ms, default=None)


def _offset(fact: ClockFact, anchors: dict[bytes, list[Anchor]]) -> _Offset | None:
    done = _instant(fact.boot, fact.boottime_ms, fact.utc_ms, fact.quality, anchors)
    if done is None:
        return None
    took_ms = SET_WITHOUT_ASKING_MS
    if fact.asked_ms is not None:
        took_ms = max(0, fact.boottime_ms - fact.asked_ms)
    at = Interval(done.from_ms - took_ms, done.to_ms)
    return _Offset(at, _less(at, fact.device_time), fact.is_set)


def _offset_of_live(device_time: datetime, received: Interval) -> _Offset:
    at = Interval(received.from_ms - LIVE_DELAY_MS, received.to_ms)
    return _Offset(at, _less(at, device_time), is_set=False)


def _less(at: Interval, device_time: datetime) -> Interval:
    """UTC less device time, where the clock showed, or was told, this second."""
    shown = _device_ms(device_time)
    return Interval(at.from_ms - shown - DEVICE_RESOLUTION_MS, at.to_ms - shown)


def _stretches(offsets: Sequence[_Offset]) -> list[_Stretch]:
    """Cut the device's history where its clock was set or jumped."""
    stretches: list[_Stretch] = []
    for found in sorted(offsets, key=lambda o: (o.at.to_ms, o.at.from_ms)):
        if not stretches:
            # Nothing is known from before the first contact: a reading holds for the past as well.
            begin = found.at.from_ms if found.is_set else float("-inf")
            stretches.append(_Stretch([found], begin))
            continue
        last = stretches[-1]
        if found.is_set:
            last.to_ms = found.at.to_ms
            stretches.append(_Stretch([found], found.at.from_ms))
        elif _agrees(last.found[-1], found):
            last.found.append(found)
        else:
            # It jumped at some instant between the two: in between either may have been in force.
            last.to_ms = found.at.to_ms
            stretches.append(_Stretch([found], last.found[-1].at.from_ms))
    return stretches


def _agrees(before: _Offset, after: _Offset) -> bool:
    apart = after.at.to_ms - before.at.from_ms
    return before.offset.widen(_drift(apart, DEVICE_DRIFT_PPM)).meets(after.offset)


def _candidates(
    stretches: Iterable[_Stretch], device_time: datetime, arrived_ms: int, enrolled_ms: int
) -> list[_Candidate]:
    """When it was measured, by each stretch in which that can have been, before it arrived."""
    found = []
    for stretch in stretches:
        measured = _measured(_device_ms(device_time), stretch.found)
        in_force = measured.to_ms >= stretch.from_ms and measured.from_ms <= stretch.to_ms
        if in_force and measured.from_ms <= arrived_ms:
            within = Interval(measured.from_ms, min(measured.to_ms, arrived_ms))
            found.append(_Candidate(stretch, within))
    return [c for c in found if c.measured.to_ms >= enrolled_ms] or found


def _measured(shown: int, found: Sequence[_Offset]) -> Interval:
    """UTC of a device time, by every finding next to which it puts the reading.

    Mostly the one before and the one after. Between them the clock may have been moved by less than
    the drift that is allowed, so what each of them says is possible.
    """
    befores: list[float] = [float("-inf"), *(offset.at.from_ms for offset in found)]
    afters: list[float] = [*(offset.at.to_ms for offset in found[1:]), float("inf")]
    said = [
        by_this
        for offset, before, after in zip(found, befores, afters, strict=False)
        if before <= (by_this := _measured_by(shown, offset)).to_ms and by_this.from_ms <= after
    ]
    return Interval(min(by.from_ms for by in said), max(by.to_ms for by in said))


def _measured_by(shown: int, found: _Offset) -> Interval:
    by_this = Interval(
        shown + found.offset.from_ms, shown + found.offset.to_ms + DEVICE_RESOLUTION_MS
    )
    apart = max(found.at.to_ms - by_this.from_ms, by_this.to_ms - found.at.from_ms)
    return by_this.widen(_drift(apart, DEVICE_DRIFT_PPM))


def _drift(apart_ms: int, ppm: int) -> int:
    return abs(apart_ms) * ppm // 1_000_000 + 1


def _device_ms(device_time: datetime) -> int:
    return int(device_time.replace(tzinfo=UTC).timestamp()) * 1000
