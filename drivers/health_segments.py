"""Values that are longer than a frame, put together from their segments.

Source: Generic Health Sensor Service 1.0, Segmentation Header: bit 0 the first, bit 1 the last, and
        a counter in bits 2 to 7 that goes on with every segment and begins again after 63
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.errors import DecodeError
from drivers.spi import Frame, Undecodable

FIRST, LAST = 0x01, 0x02
NUMBERS = 64
BODY_HEADER = 3  # an observation begins with its class and the length of the rest
LONGEST = 1024  # segments: a value has 65538 bytes at most, and a segment no fewer than 64


class Segments:
    """Of one characteristic. What is not whole is kept as it came; nothing is put in its place.

    The segments of a value are numbered from 0 when they come out: the device's counter runs on
    through a connection, and the same record would have another name in each. A whole body without
    any header, as documents and samples give it, is taken for the one segment of its value.
    """

    def __init__(self) -> None:
        self._held: list[Frame] = []

    def feed(self, frame: Frame) -> Iterator[tuple[Frame, ...] | Undecodable]:
        """The frames of a value that this one makes whole, and what can no more become whole."""
        if not frame.data:
            yield Undecodable(DecodeError("a segment without header", frame.data, 0), (frame,))
            return
        if not self._held and _is_body(frame.data):
            frame = frame._replace(data=bytes((FIRST | LAST,)) + frame.data)
        header = frame.data[0]
        if header & FIRST:
            yield from self.end()
        elif not self._held:
            yield _lost("a segment whose first is missing", (frame,))
            return
        elif not self._follows(header) or len(self._held) == LONGEST:
            held, self._held = tuple(self._held), []
            yield _lost("a segment is missing before the last", (*held, frame))
            return
        self._held.append(frame)
        if header & LAST:
            whole, self._held = tuple(self._held), []
            yield renumber(whole)

    def end(self) -> Iterator[Undecodable]:
        """What waits for segments that will not come."""
        if held := tuple(self._held):
            self._held = []
            yield _lost("the last segment is missing", held)

    def _follows(self, header: int) -> bool:
        return header >> 2 == ((self._held[-1].data[0] >> 2) + 1) % NUMBERS


def renumber(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """The segments with counters from 0 on, and all else as it came."""
    return tuple(
        frame._replace(
            data=bytes((frame.data[0] & (FIRST | LAST) | n % NUMBERS << 2,)) + frame.data[1:]
        )
        for n, frame in enumerate(frames)
    )


def join(frames: tuple[Frame, ...]) -> bytes:
    """The value, without the headers."""
    return b"".join(frame.data[1:] for frame in frames)


def _is_body(data: bytes) -> bool:
    """Whether this is class, length and that many bytes, and no segment of that shape."""
    is_as_long = len(data) == BODY_HEADER + int.from_bytes(data[1:BODY_HEADER], "little")
    is_segment = len(data) == 1 + BODY_HEADER + int.from_bytes(data[2 : 1 + BODY_HEADER], "little")
    return len(data) > BODY_HEADER and is_as_long and not is_segment


def _lost(what: str, frames: tuple[Frame, ...]) -> Undecodable:
    return Undecodable(DecodeError(what, frames[-1].data, 0), frames)
