"""How far a meter's memory has been fetched, and the records of one report of it."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator
from typing import NamedTuple, Self

from drivers import glucose_context, glucose_measurement
from drivers.errors import DecodeError
from drivers.glucose_context import CONTEXT
from drivers.spi import Bookmark, DeviceEvent, Frame, Item, Undecodable

NUMBERS = 0x10000  # of records; 0 follows 65535
LARGEST_MEMORY = 1000
TIME = slice(3, 10)  # of a 0x2A18 value: the base time


class Place(NamedTuple):
    """The newest record that was fetched, and how many the meter held; None where it says not.

    Numbers are reused, reversed and reset: `mark` tells whether a number still means the same
    record. It is 16 bits over the record's base time: no value can be read from it, and no time.
    """

    sequence: int
    mark: int
    total: int | None

    @staticmethod
    def mark_of(frame: bytes) -> int:
        """What tells the record in a 0x2A18 value from another of its number."""
        return crc_hqx(frame[TIME], 0)

    @classmethod
    def parse(cls, bookmark: str) -> Self | None:
        """The place of an earlier session; None on first contact."""
        try:
            sequence, mark, total = bookmark.split()
            return cls(int(sequence), int(mark, 16), None if total == "-" else int(total))
        except ValueError:
            return None

    def bookmark(self) -> Bookmark:
        """As the gateway keeps it."""
        total = "-" if self.total is None else self.total
        return Bookmark(f"{self.sequence} {self.mark:04x} {total}")

    def outnumbers(self, total: int | None) -> bool:
        """Whether the meter has fewer records now: its memory was cleared."""
        return self.total is not None and total is not None and total < self.total

    def is_near_wrap(self) -> bool:
        """Whether records of the same memory may have numbers that began again at 0."""
        return self.sequence >= NUMBERS - LARGEST_MEMORY


class Records:
    """What comes in one report. A measurement whose context follows waits for it."""

    def __init__(self) -> None:
        self.count = 0
        self._marks: dict[int, int] = {}
        self._last = -1
        self._is_ascending = True
        self._waiting: dict[int, bytes] = {}

    def take(self, frame: Frame) -> Iterator[Item]:
        """What the frame makes whole."""
        try:
            match frame.source:
                case glucose_measurement.MEASUREMENT:
                    self.count += 1
                    yield from self._measure(frame.data)
                case glucose_context.CONTEXT:
                    yield self._join(frame.data)
        except DecodeError as error:
            yield Undecodable(error, (frame,))

    def release(self) -> Iterator[Item]:
        """Measurements whose context has not come."""
        waiting, self._waiting = self._waiting, {}
        for frame in waiting.values():
            yield glucose_measurement.decode(frame)

    def holds(self, place: Place) -> bool:
        """Whether the record is among them, and still the same."""
        return self._marks.get(place.sequence) == place.mark

    def newest(self, total: int | None) -> Place | None:
        """The place after all of them, of `total` in the meter."""
        if not self._marks:
            return None
        has_wrapped = max(self._marks) - min(self._marks) >= NUMBERS // 2
        of = [n for n in self._marks if n < NUMBERS // 2] if has_wrapped else self._marks
        return Place(max(of), self._marks[max(of)], total)

    def reached(self, total: int | None) -> Place | None:
        """The place after those of a report that broke off, if it came oldest first."""
        is_known = self._is_ascending and len(self._marks) > 1
        return self.newest(total) if is_known else None

    def _measure(self, frame: bytes) -> Iterator[Item]:
        of = glucose_measurement.read(frame)
        self._is_ascending &= of.sequence > self._last
        self._last = of.sequence
        self._marks[of.sequence] = Place.mark_of(frame)
        if earlier := self._waiting.pop(of.sequence, None):
            yield glucose_measurement.decode(earlier)
        if of.has_context:
            self._waiting[of.sequence] = frame
        else:
            yield glucose_measurement.decode(frame)

    def _join(self, frame: bytes) -> Item:
        around = glucose_context.decode(frame)
        if measured := self._waiting.pop(around.sequence, None):
            return glucose_measurement.decode(measured, context=frame)
        facts = {"record_number": around.sequence, **around.attributes}
        return DeviceEvent("glucose-context", (Frame(CONTEXT, frame),), None, facts)
