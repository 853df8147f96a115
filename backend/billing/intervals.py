"""Sets of half-open intervals of time, in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Interval(NamedTuple):
    """From an instant up to another, which is no part of it."""

    start: datetime
    end: datetime


def interval(start: datetime, end: datetime) -> Interval:
    """The interval in UTC, where subtraction is of instants and not of wall times."""
    return Interval(start.astimezone(UTC), end.astimezone(UTC))


def unite(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants as intervals that do not touch, in order."""
    united: list[Interval] = []
    for start, end in sorted(one for one in intervals if one.start < one.end):
        if united and start <= united[-1].end:
            united[-1] = Interval(united[-1].start, max(end, united[-1].end))
        else:
            united.append(Interval(start, end))
    return united


def subtract(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """What of the first lies outside the second."""
    left = unite(intervals)
    for hole in unite(removed):
        left = [
            piece
            for start, end in left
            for piece in (
                Interval(start, min(end, hole.start)),
                Interval(max(start, hole.end), end),
            )
            if piece.start < piece.end
        ]
    return left


def clip(intervals: Iterable[Interval], within: Interval) -> list[Interval]:
    """What of them lies within an interval."""
    cut = (Interval(max(s, within.start), min(e, within.end)) for s, e in intervals)
    return unite(cut)


def total(intervals: Iterable[Interval]) -> timedelta:
    """How long they last together."""
    return sum((end - start for start, end in unite(intervals)), timedelta())
