"""Frames that one bit of each byte shows, found in bytes cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator

SYNC = 0x80
DOUBT = 2  # frames for a byte that belongs to none: two whole ones make up for it
MOST_DOUBT = 60  # frames, for any noise


class SyncFramer:
    """Finds frames of a `shape`: so many bytes that begin one, then so many others.

    Bit 7 tells the two apart; `begins_high` says which has it set. A frame is whole when the next
    one begins right behind it: a byte that came in between would put the pulse in the place of the
    oxygen. Of any noise some places are whole by chance: `doubt` rises with what belongs to no
    frame, and falls with each whole one; `strays` only counts such bytes.
    """

    def __init__(self, *shapes: tuple[int, int], begins_high: bool = True) -> None:
        self.doubt = 0
        self.strays = 0
        self._shapes = shapes
        self._begin = SYNC if begins_high else 0
        self._size = max(sum(shape) for shape in shapes)
        self._most_begins = max(begins for begins, _ in shapes)
        self._begins = bytearray()
        self._rest = bytearray()

    @property
    def holds(self) -> bool:
        """Whether a frame has begun."""
        return bool(self._begins)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""
        for byte in data:
            if byte & SYNC == self._begin:
                if self._rest:
                    yield from self.end()
                self._begins.append(byte)
                if len(self._begins) > self._most_begins:
                    del self._begins[0]
                    self._drop(1)
            elif self._begins and len(self._rest) <= self._size:
                self._rest.append(byte)
            else:
                self._drop(1)

    def end(self) -> Iterator[bytes]:
        """The frame that only the next one would have shown to be whole."""
        begins, rest = bytes(self._begins), bytes(self._rest)
        self._begins.clear()
        self._rest.clear()
        for wanted in (len(begins), 1):
            if (wanted, len(rest)) in self._shapes:
                self._drop(len(begins) - wanted)
                self.doubt = max(0, self.doubt - wanted - len(rest))
                yield begins[len(begins) - wanted :] + rest
                return
        self._drop(len(begins) + len(rest))

    def _drop(self, count: int) -> None:
        self.strays += count
        self.doubt = min(self.doubt + count * DOUBT * self._size, MOST_DOUBT * self._size)
