"""A device's clock as a row of stretches, each with one offset to UTC (docs/time.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from backend.dating.instants import Interval, drift

DEVICE_RESOLUTION_MS = 1_000  # device clocks are read and set in whole seconds
DEVICE_DRIFT_PPM = 200  # 17 s a day: ten times a watch crystal's
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  device times are naive
_SECOND = timedelta(seconds=1)
EVER_MS = float("inf")


class Offset(NamedTuple):
    """UTC less device time, as found at an instant."""

    at: Interval
    offset: Interval
    is_set: bool


@dataclass(slots=True, eq=False)
class Stretch:
    """A time in which one offset was in force, up to drift; the ends are the widest possible."""

    found: list[Offset]
    from_ms: float
    to_ms: float = EVER_MS

    def measured(self, shown: int) -> Interval:
        """UTC of a device time, if this stretch was in force."""
        return _measured(shown, self.found)


class Candidate(NamedTuple):
    """When a reading was measured, if it was in this stretch."""

    stretch: Stretch
    measured: Interval


def less(at: Interval, device_time: datetime) -> Interval:
    """UTC less device time, where the clock showed, or was told, this second."""
    shown = device_ms(device_time)
    return Interval(at.from_ms - shown - DEVICE_RESOLUTION_MS, at.to_ms - shown)


def between(before: Offset, after: Offset, shown: Iterable[datetime]) -> Iterator[Offset]:
    """What a clock showed at instants between these two findings; nobody knows at which.

    Nothing where the two agree: then nothing says that it jumped. Where they do not, it may have
    jumped more than once, and these may be of stretches that neither of the two is of.
    """
    if after.is_set or not agrees(before, after):
        at = Interval(before.at.from_ms, after.at.to_ms)
        yield from (Offset(at, less(at, device_time), is_set=False) for device_time in shown)


def doubted(device_time: datetime, doubts: Iterable[Offset], arrived_ms: int) -> Iterator[Interval]:
    """When it can have been measured by offsets of which only the limits are known, if at all."""
    shown = device_ms(device_time)
    for doubt in doubts:
        by_this = measured_by(shown, doubt)
        within = Interval(
            max(by_this.from_ms, doubt.at.from_ms), min(by_this.to_ms, doubt.at.to_ms, arrived_ms)
        )
        if within.from_ms <= within.to_ms:
            yield within


def cut(offsets: Sequence[Offset]) -> list[Stretch]:
    """Cut the device's history where its clock was set or jumped."""
    stretches: list[Stretch] = []
    before: Offset | None = None
    for found in sorted(offsets, key=in_order):
        if before is not None and not found.is_set and agrees(before, found):
            stretches[-1].found.append(found)
        else:
            if stretches:
                stretches[-1].to_ms = found.at.to_ms
            stretches.append(Stretch([found], begin_ms(before, found)))
        before = found
    return stretches


def in_order(offset: Offset) -> tuple[float, float]:
    """By what offsets are sorted."""
    return offset.at.to_ms, offset.at.from_ms


def begin_ms(before: Offset | None, found: Offset) -> float:
    """When a stretch begins whose first finding is this; `before` is the last of the one before."""
    if found.is_set:
        return found.at.from_ms
    # It jumped at some instant between the two: in between either may have been in force. Nothing
    # is known from before the first contact: a reading holds for the past as well.
    return -EVER_MS if before is None else before.at.from_ms


def agrees(before: Offset, after: Offset) -> bool:
    """Whether one clock, up to drift, can have been found so twice."""
    apart = after.at.to_ms - before.at.from_ms
    return before.offset.widen(drift(apart, DEVICE_DRIFT_PPM)).meets(after.offset)


def candidates(
    stretches: Iterable[Stretch], device_time: datetime, arrived_ms: int, enrolled_ms: int
) -> list[Candidate]:
    """When it was measured, by each stretch in which that can have been, before it arrived."""
    found = []
    shown = device_ms(device_time)
    for stretch in stretches:
        measured = stretch.measured(shown)
        in_force = measured.to_ms >= stretch.from_ms and measured.from_ms <= stretch.to_ms
        if in_force and measured.from_ms <= arrived_ms:
            within = Interval(measured.from_ms, min(measured.to_ms, arrived_ms))
            found.append(Candidate(stretch, within))
    return [c for c in found if c.measured.to_ms >= enrolled_ms] or found


def _measured(shown: int, found: Sequence[Offset]) -> Interval:
    """UTC of a device time, by every finding next to which it puts the reading.

    Mostly the one before and the one after. Between them the clock may have been moved by less than
    the drift that is allowed, so what each of them says is possible.
    """
    if len(found) == 1:
        return measured_by(shown, found[0])
    befores: list[float] = [float("-inf"), *(offset.at.from_ms for offset in found)]
    afters: list[float] = [*(offset.at.to_ms for offset in found[1:]), float("inf")]
    said = [
        by_this
        for offset, before, after in zip(found, befores, afters, strict=False)
        if before <= (by_this := measured_by(shown, offset)).to_ms and by_this.from_ms <= after
    ]
    return Interval(min(by.from_ms for by in said), max(by.to_ms for by in said))


def measured_by(shown: int, found: Offset) -> Interval:
    """UTC of a device time by one finding."""
    by_this = Interval(
        shown + found.offset.from_ms, shown + found.offset.to_ms + DEVICE_RESOLUTION_MS
    )
    apart = max(found.at.to_ms - by_this.from_ms, by_this.to_ms - found.at.from_ms)
    return by_this.widen(drift(apart, DEVICE_DRIFT_PPM))


def device_ms(device_time: datetime) -> int:
    """What the clock showed, in whole seconds."""
    return (device_time - _EPOCH) // _SECOND * 1000
