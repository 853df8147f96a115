"""Sets of sequences as ranges: both ends included, in order, never touching one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]


def as_ranges(sequences: Iterable[int]) -> list[Range]:
    """The sequences as ranges."""
    return merge((sequence, sequence) for sequence in sequences)


def merge(ranges: Iterable[Range]) -> list[Range]:
    """The same sequences, whatever order and overlap the ranges came in."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def subtract(ranges: Iterable[Range], others: Sequence[Range]) -> list[Range]:
    """What of the ranges lies in none of the others; both in order."""
    return [rest for each in ranges for rest in _subtract_from(each, others)]


def _subtract_from(each: Range, others: Sequence[Range]) -> Iterator[Range]:
    first, last = each
    for other_first, other_last in others:
        if other_last < first:
            continue
        if other_first > last:
            break
        if other_first > first:
            yield first, other_first - 1
        first = other_last + 1
    if first <= last:
        yield first, last


def intersect(ranges: Iterable[Range], others: Sequence[Range]) -> list[Range]:
    """What of the ranges lies in one of the others; both in order."""
    return [
        (max(first, other_first), min(last, other_last))
        for first, last in ranges
        for other_first, other_last in others
        if other_first <= last and other_last >= first
    ]
