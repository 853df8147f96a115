"""A set of whole numbers, kept as ranges: rows of the outbox come and go in long ones."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Spans:
    """Ranges in order, both ends included, none touching another; `count` numbers in all."""

    __slots__ = ("_firsts", "_lasts", "count")

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self.count = 0
        for first, last in spans:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._lasts, number)
        return at < len(self._lasts) and self._firsts[at] <= number

    @property
    def first(self) -> int | None:
        """The lowest number."""
        return self._firsts[0] if self._firsts else None

    def add(self, first: int, last: int) -> None:
        """Put the numbers from `first` to `last` in."""
        low, high = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._replace(low, high, [(first, last)])

    def discard(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` out."""
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if low < high:
            ends = (self._firsts[low], first - 1), (last + 1, self._lasts[high - 1])
            self._replace(low, high, [end for end in ends if end[0] <= end[1]])

    def within(self, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges from `first` to `last`, cut there."""
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return [
            (max(first, self._firsts[at]), min(last, self._lasts[at])) for at in range(low, high)
        ]

    def behind(self, number: int) -> Iterator[tuple[int, int]]:
        """The ranges above `number`, cut there; the set must not change meanwhile."""
        for at in range(bisect_right(self._lasts, number), len(self._lasts)):
            yield max(number + 1, self._firsts[at]), self._lasts[at]

    def oldest(self, count: int) -> list[tuple[int, int]]:
        """The lowest `count` numbers."""
        picked = []
        for first, last in self:
            picked.append((first, min(last, first + count - 1)))
            count -= last - first + 1
            if count <= 0:
                break
        return picked

    def _replace(self, low: int, high: int, spans: list[tuple[int, int]]) -> None:
        for at in range(low, high):
            self.count -= self._lasts[at] - self._firsts[at] + 1
        self.count += sum(last - first + 1 for first, last in spans)
        self._firsts[low:high] = [first for first, _ in spans]
        self._lasts[low:high] = [last for _, last in spans]
