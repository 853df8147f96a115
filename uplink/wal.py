"""Which frames of an SQLite write-ahead log are sound; asked before SQLite opens the file.

SQLite replays a log up to the first frame whose checksum fails and drops every later commit without
a word. Source: SQLite, "Database File Format", section 4 (The Write-Ahead Log).
"""

from __future__ import annotations

import struct
from operator import eq
from typing import NamedTuple

MAGIC = 0x377F0682  # the lowest bit set: checksums over big-endian words
FORMAT = 3007000
_HEADER = struct.Struct(">8I")  # magic, format, page size, checkpoint, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page number, pages after a commit or 0, two salts, two checksums
_WORD = 0xFFFFFFFF


class Scan(NamedTuple):
    """Frames that SQLite will replay, and frames of later commits that it will drop.

    `lost` is the most that can be lost: frames may have reached the database already, and a commit
    that a power cut tore was never acknowledged. An unfinished transaction is not counted.
    """

    sound: int
    lost: int


def scan(log: bytes, page_size: int) -> Scan:
    """Count the frames of `log`, the log of a database with pages of `page_size` bytes."""
    step = _FRAME.size + page_size
    starts = range(_HEADER.size, len(log) - step + 1, step)
    if not starts:
        return Scan(0, 0)
    magic, form, size, _, *salts, sum1, sum2 = _HEADER.unpack_from(log)
    order = ">" if magic & 1 else "<"
    sums = _checksum(order, log[:24], (0, 0))
    is_sound = (magic & ~1, form, size, sums) == (MAGIC, FORMAT, page_size, (sum1, sum2))
    is_headless = not is_sound  # whose frames these are is told by the header alone

    read = sound = last_commit = 0
    for count, at in enumerate(starts, 1):
        _, pages, *frame_salts, sum1, sum2 = _FRAME.unpack_from(log, at)
        # A log is written over; what is left of older ones differs in both. One may be damaged.
        is_ours = is_headless or any(map(eq, frame_salts, salts))
        if is_sound:
            sums = _checksum(order, log[at : at + 8], sums)
            sums = _checksum(order, log[at + _FRAME.size : at + step], sums)
            is_sound = frame_salts == salts and sums == (sum1, sum2)
            is_ours = is_ours or sums == (sum1, sum2)
        if is_sound:
            read = count
        if pages and is_ours:
            last_commit = count
            sound = count if is_sound else sound
    return Scan(sound, max(0, last_commit - read))


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
