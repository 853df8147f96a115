"""Which of Nonin's serial formats a line brings, told by its bytes, and the frames in them.

Source: Nonin 6470-000 (Onyx II 9560) and OEM III specification for formats 2, 7 and 8; manuals of
        the models 2500, 8500 and Avant for the lines

| format | a whole frame is |
|---|---|
| 2 | 25 times 01, status, pleth, float, sum: 125 bytes; SYNC in the status of the first alone |
| 7 | 25 times status, pleth, pleth, float, sum: 125 bytes; SYNC in the status of the first alone |
| line | `SPO2=ddd HR=ddd`, perhaps ` F` and `*`, CR LF; `---` for no value |
| 8 | a byte with bit 7 and three without; the next frame begins right behind it |

They are tried in this order at each byte, and what fits none is dropped byte by byte. Format 8 has
no sum: it is looked for only until one of the others was found on the line, and two frames in a row
must show it anew after each byte that fits none. Before silence a single frame may stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

SYNC = 0x80
SYNC_BIT = 0x01
FRAMES = 25
FRAME_SIZE = 5
PACKET_SIZE = FRAMES * FRAME_SIZE
DF2_START = 0x01
DF8_SIZE = 4
DF8_FRAME = [True, False, False, False]  # which bytes have bit 7
DF8_BEGUN = [True, False]
LINE_START = b"SPO2="
LINE = re.compile(rb"SPO2=(\d{3}|---) HR=(\d{3}|---)( F)?(\*)?\r\n")
LONGEST_LINE = 24
DOUBT = 2 * DF8_SIZE  # for a byte that belongs to no frame: two whole ones make up for it
MOST_DOUBT = 60 * DF8_SIZE


class Fit(NamedTuple):
    """Of a frame that may begin here: its size when whole, else whether more bytes may tell."""

    size: int = 0
    may_grow: bool = False


NONE, PERHAPS = Fit(), Fit(may_grow=True)


def is_frame(frame: bytes, status_at: int, *, is_first: bool) -> bool:
    """Whether five bytes, or as many as have come, are a frame of format 2 or 7."""
    if status_at and frame[0] != DF2_START:
        return False
    if len(frame) > status_at:
        status = frame[status_at]
        if not status & SYNC or bool(status & SYNC_BIT) != is_first:
            return False
    return len(frame) < FRAME_SIZE or sum(frame[:-1]) & 0xFF == frame[-1]


def _fit_packet(held: bytes, status_at: int) -> Fit:
    for start in range(0, min(len(held), PACKET_SIZE), FRAME_SIZE):
        if not is_frame(held[start : start + FRAME_SIZE], status_at, is_first=start == 0):
            return NONE
    return Fit(PACKET_SIZE) if len(held) >= PACKET_SIZE else PERHAPS


def fit_df2(held: bytes) -> Fit:
    """A packet of format 2."""
    return _fit_packet(held, 1)


def fit_df7(held: bytes) -> Fit:
    """A packet of format 7."""
    return _fit_packet(held, 0)


def fit_line(held: bytes) -> Fit:
    """A line of text."""
    if found := LINE.match(held):
        return Fit(found.end())
    start = held[: len(LINE_START)]
    may_grow = LINE_START.startswith(start) and b"\n" not in held and len(held) < LONGEST_LINE
    return PERHAPS if may_grow else NONE


def fit_df8(held: bytes, *, behind: bool = True, is_last: bool = False) -> Fit:
    """Four bytes, with the next frame right behind them: begun, or whole too if none was before."""
    pattern = DF8_FRAME + DF8_BEGUN if behind else 2 * DF8_FRAME + DF8_BEGUN
    begun = [bool(byte & SYNC) for byte in held[: len(pattern)]]
    if begun != pattern[: len(begun)]:
        return NONE
    is_whole = len(begun) == len(pattern) or (is_last and len(begun) == len(pattern) - 2)
    return Fit(DF8_SIZE) if is_whole else PERHAPS


SUMMED: tuple[Callable[[bytes], Fit], ...] = (fit_df2, fit_df7, fit_line)


class NoninFramer:
    """Finds frames of any format; `doubt` and `strays` as SyncFramer has them."""

    def __init__(self) -> None:
        self.doubt = 0
        self.strays = 0
        self._held = bytearray()
        self._is_summed = False
        self._is_behind = False
        self._is_clean = True

    @property
    def holds(self) -> bool:
        """Whether a frame may have begun."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""
        self._held += data
        yield from self._scan(is_last=False)

    def end(self) -> Iterator[bytes]:
        """The frame that only the next one would have shown to be whole."""
        yield from self._scan(is_last=True)
        self._is_behind, self._is_clean = False, True

    def _scan(self, *, is_last: bool) -> Iterator[bytes]:
        line, self._held = bytes(self._held), bytearray()
        at = 0
        while at < len(line):
            held = line[at : at + PACKET_SIZE]
            size, may_grow = self._fit(held, is_last=is_last)
            if size:
                at += size
                self.doubt = max(0, self.doubt - size)
                yield held[:size]
            elif may_grow and not is_last:
                break
            else:
                at += 1
                self.strays += 1
                self.doubt = min(self.doubt + DOUBT, MOST_DOUBT)
                self._is_behind = self._is_clean = False
        self._held += line[at:]

    def _fit(self, held: bytes, *, is_last: bool) -> Fit:
        fits = [fit(held) for fit in SUMMED]
        size = max(fit.size for fit in fits)
        may_grow = any(fit.may_grow for fit in fits)
        self._is_summed = self._is_summed or size > 0
        if size or self._is_summed:
            return Fit(size, may_grow)
        # A line that ends with a single frame has begun with it, or another one stands before.
        is_alone = is_last and self._is_clean and len(held) == DF8_SIZE
        df8 = fit_df8(held, behind=self._is_behind or is_alone, is_last=is_last)
        self._is_behind = self._is_behind or df8.size > 0
        return Fit(df8.size, may_grow or df8.may_grow)
