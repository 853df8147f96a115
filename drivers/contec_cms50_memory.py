"""The recording in the memory of an older Contec CMS50: one, of a record a second, without a date.

Source: atbrask/CMS50Dplus@e916c59: three times F2 80 00, the length in seven-bit bytes less one,
        then records of F0 or F1 (bit 7 of the pulse), the pulse with its sync bit, the oxygen
Clock:  none. That values are a second apart is all that the bytes say of time: the recording is a
        stream whose origin is stored, and whoever counts days holds it
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from zlib import crc32

from drivers.errors import DecodeError
from drivers.spi import Bookmark, Origin, Series
from drivers.stream import OXIMETRY, Kind

ASK = b"\xf5\xf5"
STOP = b"\xf6\xf6\xf6"
PREAMBLE = b"\xf2\x80\x00"
PREAMBLES = 3
RECORD = 0xF0
RECORD_SIZE = 3
SYNC = 0x80
SEVEN_BITS = 0x7F
MARKED_RECORDS = 60  # tell a recording from another, with its length
NO_SPO2 = {0, 127}
NO_PULSE = {0, 255}
STORED = Kind(OXIMETRY, Decimal(1), longest=1800, origin=Origin.STORED)


class Memory:
    """Records on their way out of the device; a recording counts when all of it has come.

    One that `bookmark` marks has been fetched before: nothing of it comes out again. Records that
    no length announced are what was cut out of a recording, if nothing else was on the line.
    """

    def __init__(self, bookmark: str) -> None:
        self._bookmark = bookmark
        self._preambles = 0
        self._announced: int | None = None
        self._is_alone = True
        self._records: list[bytes] = []

    @property
    def is_due(self) -> bool:
        """Whether all of it has come, or enough to tell that it was fetched before."""
        return self._is_known or (bool(self._announced) and len(self._records) == self._announced)

    def add(self, frame: bytes) -> None:
        """Take what has the shape of a record: preamble, length or record."""
        if frame == PREAMBLE:
            self._preambles += 1
            self._is_alone = False
        elif self._preambles >= PREAMBLES:
            high, middle, low = (byte & SEVEN_BITS for byte in frame)
            self._announced, damaged = divmod((high << 14 | middle << 7 | low) + 1, RECORD_SIZE)
            self._announced = None if damaged else self._announced
            self._preambles = 0
            self._records.clear()
        elif frame[0] & 0xFE == RECORD and (self._announced or self._is_alone):
            self._records.append(frame)

    def note_live(self) -> None:
        """A live frame came: what was not announced is none of a recording."""
        self._is_alone = False
        if not self._announced:
            self._records.clear()

    def take(self, at_ms: int) -> Iterator[Series | Bookmark]:
        """The recording, if it is new, and its mark."""
        records, mark = [] if self._is_known else self._records, self._mark
        self._announced, self._records = None, []
        yield from _gather(records, at_ms)
        yield Bookmark(mark)

    def end(self, at_ms: int, *, is_noise: bool) -> Iterator[Series | Bookmark]:
        """What is due when the line has ended, or the records that nothing announced."""
        if self.is_due:
            yield from self.take(at_ms)
        elif self._is_alone:
            yield from _gather(self._records, at_ms, is_noise=is_noise)

    @property
    def _mark(self) -> str:
        return f"{self._announced}-{crc32(b''.join(self._records[:MARKED_RECORDS])):08x}"

    @property
    def _is_known(self) -> bool:
        known = min(self._announced or 0, MARKED_RECORDS)
        return 0 < known <= len(self._records) and self._mark == self._bookmark


def _gather(records: list[bytes], at_ms: int, *, is_noise: bool = False) -> Iterator[Series]:
    for start in range(0, len(records), STORED.longest):
        stretch = STORED.stretch()
        for record in records[start : start + STORED.longest]:
            pulse, spo2 = decode(record)
            values = (None if spo2 in NO_SPO2 else spo2, None if pulse in NO_PULSE else pulse)
            stretch.add(record, values, {}, at_ms)
        yield stretch.end(is_noise=is_noise)


def decode(record: bytes) -> tuple[int, int]:
    """Pulse and SpO2 of a record of three bytes. Raises DecodeError."""
    if len(record) != RECORD_SIZE:
        raise DecodeError(
            f"a record has {RECORD_SIZE} bytes", record, min(len(record), RECORD_SIZE)
        )
    first, pulse, spo2 = record
    faults = (first & 0xFE != RECORD, not pulse & SYNC, bool(spo2 & SYNC))
    if any(faults):
        raise DecodeError("the sync bits are wrong", record, faults.index(True))
    return (first & 1) << 7 | pulse & SEVEN_BITS, spo2
