"""A device's clock, cut into stretches once for all the readings that its facts bear on.

Each reading is judged by the facts within its reach and by its own live sightings. Where facts lie
densely most of them are the same for thousands of readings; here each reading costs what differs
for it, and the few stretches in which it can have been measured. What comes out is what
`stretches.cut` and `stretches.candidates` say: this finds it by search.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain, pairwise
from typing import NamedTuple

from backend.dating.instants import Interval, drift
from backend.dating.stretches import (
    DEVICE_DRIFT_PPM,
    DEVICE_RESOLUTION_MS,
    EVER_MS,
    Candidate,
    Offset,
    Stretch,
    agrees,
    begin_ms,
    candidates,
    cut,
    device_ms,
    in_order,
    measured_by,
)
from backend.ranges import Range, merge

FEW = 24
"""As few offsets are cut anew for each reading: searching would cost more."""


class Hull(NamedTuple):
    """The widest offset that a stretch found, when it did, and the longest of its findings."""

    offset: Interval
    at: Interval
    longest_ms: int

    def measured(self, shown: int) -> Interval:
        """Where each of the findings puts a reading lies within this."""
        said = Interval(
            shown + self.offset.from_ms, shown + self.offset.to_ms + DEVICE_RESOLUTION_MS
        )
        apart_ms = max(self.at.to_ms - said.from_ms, said.to_ms - self.at.from_ms)
        return said.widen(drift(apart_ms, DEVICE_DRIFT_PPM))


class _Part(NamedTuple):
    """Offsets from `first` to before `last` of one shared stretch, or one `live` offset alone."""

    first: int
    last: int
    hull: Hull | None = None
    live: Offset | None = None

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(slots=True, eq=False)
class _Long(Stretch):
    """A stretch whose findings are parts of those that are shared."""

    shared: Shared | None = None
    parts: Sequence[_Part] = ()

    def measured(self, shown: int) -> Interval:
        """As of any stretch, by those findings alone next to which the reading can lie."""
        assert self.shared is not None
        said = list(self.shared.said(shown, self.parts))
        return Interval(min(by.from_ms for by in said), max(by.to_ms for by in said))


class History(NamedTuple):
    """The stretches that a reading has of its `own`, and the numbers of those that it shares."""

    own: Sequence[Stretch]
    shared: Shared | None = None
    others: Sequence[Range] = ()

    def candidates(
        self, device_time: datetime, arrived_ms: int, enrolled_ms: int
    ) -> list[Candidate]:
        """As `stretches.candidates`."""
        showing: Sequence[Stretch] = ()
        if self.shared and self.others:
            showing = list(self.shared.showing(device_ms(device_time), self.others))
        return candidates([*self.own, *showing], device_time, arrived_ms, enrolled_ms)


class Shared:
    """The offsets of one device's clock in the order of its facts, and the stretches of them."""

    def __init__(self, offsets: Sequence[Offset], few: int = FEW) -> None:
        self._few = few
        self._offsets = offsets
        self._keys = [in_order(offset) for offset in offsets]
        self._in_order = all(before <= after for before, after in pairwise(self._keys))
        self._stretches: list[_Long] = []
        self._begins: list[int] = []
        self._spans: list[tuple[float, float, int]] = []
        self._until: list[float] = []

    def cut(self, first: int, last: int, live: Sequence[Offset]) -> History:
        """What `stretches.cut` makes of the offsets from `first` to before `last` and of `live`."""
        if last - first <= self._few or not self._in_order:
            return History(cut([*self._offsets[first:last], *live]))
        if not self._stretches:
            self._prepare()
        here = sorted(live, key=in_order)
        places = [bisect_right(self._keys, in_order(one), first, last) for one in here]
        ends = [self._number(first), self._number(last - 1)]
        ranges = [(number, number) for number in ends]
        if places:
            before, after = max(places[0] - 1, first), min(places[-1], last - 1)
            ranges.append((self._number(before), self._number(after)))
        own: list[Stretch] = []
        groups = merge(ranges)
        for begin, end in groups:
            since, until = max(self._begins[begin], first), min(self._end(end), last)
            inside = [] if not places or not begin <= self._number(before) <= end else here
            parts = self._split(range(begin, end + 1), (since, until), inside, places)
            joined = self._join(parts)
            joined[0].from_ms = self._begin_ms(parts[0], since, first)
            if until < last:
                joined[-1].to_ms = self._offsets[until].at.to_ms
            own += joined
        others = [(one[1] + 1, other[0] - 1) for one, other in pairwise(groups)]
        return History(own, self, [each for each in others if each[0] <= each[1]])

    def showing(self, shown: int, numbers: Sequence[Range]) -> Iterator[Stretch]:
        """Of those stretches the ones that can have been in force when the clock showed this."""
        at = bisect_right(self._spans, (shown, EVER_MS, 0))
        while at and self._until[at - 1] >= shown:
            at -= 1
            _, until, number = self._spans[at]
            if until >= shown and any(first <= number <= last for first, last in numbers):
                yield self._stretches[number]

    def said(self, shown: int, parts: Sequence[_Part]) -> Iterator[Interval]:
        """When it was measured, by each finding of the parts next to which that puts it."""
        count = sum(map(len, parts))
        for number in sorted(self._near(shown, parts, count)):
            found = self._at(parts, number)
            by_this = measured_by(shown, found)
            if number and self._at(parts, number - 1).at.from_ms > by_this.to_ms:
                continue
            if number + 1 < count and self._at(parts, number + 1).at.to_ms < by_this.from_ms:
                continue
            yield by_this

    def _near(self, shown: int, parts: Sequence[_Part], count: int) -> set[int]:
        near = {0, count - 1}
        begin = 0
        for part in parts:
            end = begin + len(part)
            if part.hull is None:
                near.update((begin - 1, begin, begin + 1))
            else:
                near.update((begin, end - 1))
                said = part.hull.measured(shown)
                since, until = (
                    (said.from_ms, -EVER_MS),
                    (said.to_ms + part.hull.longest_ms, EVER_MS),
                )
                first = bisect_left(self._keys, since, part.first, part.last) - 1
                last = bisect_right(self._keys, until, part.first, part.last) + 1
                offset = begin - part.first
                near.update(range(max(first, part.first) + offset, min(last, part.last) + offset))
            begin = end
        return {number for number in near if 0 <= number < count}

    def _at(self, parts: Sequence[_Part], number: int) -> Offset:
        for part in parts:
            if number < len(part):
                return part.live or self._offsets[part.first + number]
            number -= len(part)
        raise IndexError(number)

    def _prepare(self) -> None:
        begun = cut(self._offsets)
        lengths = [len(stretch.found) for stretch in begun]
        self._begins = list(accumulate(lengths[:-1], initial=0))
        spans = []
        for number, (stretch, first) in enumerate(zip(begun, self._begins, strict=True)):
            hull = _hull(stretch.found)
            parts = [_Part(first, first + len(stretch.found), hull)]
            of = _Long([], stretch.from_ms, stretch.to_ms, self, parts)
            self._stretches.append(of)
            if 0 < number < len(begun) - 1:  # the first and the last are always a reading's own
                spans.append((*_shown_within(of, hull), number))
        self._spans = sorted(spans)
        self._until = list(accumulate((until for _, until, _ in self._spans), max))

    def _number(self, place: int) -> int:
        return bisect_right(self._begins, place) - 1

    def _end(self, number: int) -> int:
        return self._begins[number + 1] if number + 1 < len(self._begins) else len(self._offsets)

    def _split(
        self, numbers: range, within: Range, live: Sequence[Offset], places: Sequence[int]
    ) -> list[_Part]:
        """The shared stretches with these numbers, cut where the live offsets lie between them."""
        bounds = sorted(
            {*within, *(self._begins[n] for n in numbers[1:]), *(places if live else ())}
        )
        lives = list(zip(places, live, strict=False))
        parts = [
            _Part(first, last, self._stretches[self._number(first)].parts[0].hull)
            for first, last in pairwise(bounds)
        ]
        alone = [_Part(place, place + 1, None, one) for place, one in lives]
        # A live offset comes before the part that begins at its place.
        return sorted(chain(alone, parts), key=lambda part: (part.first, part.live is None))

    def _join(self, parts: Sequence[_Part]) -> list[_Long]:
        """As `stretches.cut`, by the ends of the parts: within each all findings agree."""
        joined: list[_Long] = []
        before: Offset | None = None
        for part in parts:
            found = self._at([part], 0)
            if before is not None and not found.is_set and agrees(before, found):
                joined[-1].parts = [*joined[-1].parts, part]
            else:
                if before is not None:
                    joined[-1].to_ms = found.at.to_ms
                since = begin_ms(before, found)
                joined.append(_Long([], since, EVER_MS, self, [part]))
            before = self._at([part], len(part) - 1)
        return joined

    def _begin_ms(self, part: _Part, since: int, first: int) -> float:
        before = self._offsets[since - 1] if since > first else None
        return begin_ms(before, self._at([part], 0))


def _hull(found: Sequence[Offset]) -> Hull:
    if len(found) == 1:
        [only] = found
        return Hull(only.offset, only.at, only.at.to_ms - only.at.from_ms)
    return Hull(
        Interval(min(of.offset.from_ms for of in found), max(of.offset.to_ms for of in found)),
        Interval(min(of.at.from_ms for of in found), max(of.at.to_ms for of in found)),
        max(of.at.to_ms - of.at.from_ms for of in found),
    )


def _shown_within(stretch: Stretch, hull: Hull) -> tuple[float, float]:
    """What the clock can have shown while this stretch was in force; rather too much."""
    ends = (stretch.from_ms, stretch.to_ms)
    apart = max(abs(end - at) for end in ends for at in hull.at)
    apart += hull.offset.to_ms - hull.offset.from_ms + DEVICE_RESOLUTION_MS
    # Drift grows with the distance, and the distance by the drift: twice as much is enough.
    beyond = 2 * apart * DEVICE_DRIFT_PPM / 1e6 + 10
    return (
        stretch.from_ms - hull.offset.to_ms - DEVICE_RESOLUTION_MS - beyond,
        stretch.to_ms - hull.offset.from_ms + beyond,
    )
