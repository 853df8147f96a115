"""A device's clock as a row of stretches, each with one offset to UTC (docs/time.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from backend.instants import Interval, drift

DEVICE_RESOLUTION_MS = 1_000  # device clocks are read and set in whole seconds
DEVICE_DRIFT_PPM = 200  # 17 s a day: ten times a watch crystal's
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  device times are naive
_SECOND = timedelta(seconds=1)


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
    to_ms: float = float("inf")


class Candidate(NamedTuple):
    """When a reading was measured, if it was in this stretch."""

    stretch: Stretch
    measured: Interval


def less(at: Interval, device_time: datetime) -> Interval:
    """UTC less device time, where the clock showed, or was told, this second."""
    shown = _device_ms(device_time)
    return Interval(at.from_ms - shown - DEVICE_RESOLUTION_MS, at.to_ms - shown)


def cut(offsets: Sequence[Offset]) -> list[Stretch]:
    """Cut the device's history where its clock was set or jumped."""
    stretches: list[Stretch] = []
    for found in sorted(offsets, key=lambda o: (o.at.to_ms, o.at.from_ms)):
        if not stretches:
            # Nothing is known from before the first contact: a reading holds for the past as well.
            begin = found.at.from_ms if found.is_set else float("-inf")
            stretches.append(Stretch([found], begin))
            continue
        last = stretches[-1]
        if found.is_set:
            last.to_ms = found.at.to_ms
            stretches.append(Stretch([found], found.at.from_ms))
        elif _agrees(last.found[-1], found):
            last.found.append(found)
        else:
            # It jumped at some instant between the two: in between either may have been in force.
            last.to_ms = found.at.to_ms
            stretches.append(Stretch([found], last.found[-1].at.from_ms))
    return stretches


def _agrees(before: Offset, after: Offset) -> bool:
    apart = after.at.to_ms - before.at.from_ms
    return before.offset.widen(drift(apart, DEVICE_DRIFT_PPM)).meets(after.offset)


def candidates(
    stretches: Iterable[Stretch], device_time: datetime, arrived_ms: int, enrolled_ms: int
) -> list[Candidate]:
    """When it was measured, by each stretch in which that can have been, before it arrived."""
    found = []
    shown = _device_ms(device_time)
    for stretch in stretches:
        measured = _measured(shown, stretch.found)
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
        return _measured_by(shown, found[0])
    befores: list[float] = [float("-inf"), *(offset.at.from_ms for offset in found)]
    afters: list[float] = [*(offset.at.to_ms for offset in found[1:]), float("inf")]
    said = [
        by_this
        for offset, before, after in zip(found, befores, afters, strict=False)
        if before <= (by_this := _measured_by(shown, offset)).to_ms and by_this.from_ms <= after
    ]
    return Interval(min(by.from_ms for by in said), max(by.to_ms for by in said))


def _measured_by(shown: int, found: Offset) -> Interval:
    by_this = Interval(
        shown + found.offset.from_ms, shown + found.offset.to_ms + DEVICE_RESOLUTION_MS
    )
    apart = max(found.at.to_ms - by_this.from_ms, by_this.to_ms - found.at.from_ms)
    return by_this.widen(drift(apart, DEVICE_DRIFT_PPM))


def _device_ms(device_time: datetime) -> int:
    return (device_time - _EPOCH) // _SECOND * 1000
