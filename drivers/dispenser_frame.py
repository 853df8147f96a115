"""Frames of the dispenser protocol; docs/dispenser-protocol.md is the protocol.

    56  length of the body  type  body  CRC-16/CCITT-FALSE over length, type and body

All numbers are little-endian.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator

from drivers.errors import DecodeError

START = 0x56
HEAD = 3
TAIL = 2
MOST = 128  # bytes of a body
LONGEST = 1024  # of what was skipped and nobody asks for
CRC_INIT = 0xFFFF


def build(kind: int, body: bytes = b"") -> bytes:
    """A frame around a body."""
    checked = bytes((len(body), kind)) + body
    return bytes((START,)) + checked + crc_hqx(checked, CRC_INIT).to_bytes(TAIL, "little")


def check(frame: bytes) -> None:
    """Raise DecodeError for what is no frame."""
    if len(frame) < HEAD + TAIL:
        raise DecodeError("a frame cut short", frame, len(frame))
    if frame[0] != START:
        raise DecodeError("no start byte", frame, 0)
    if frame[1] > MOST or len(frame) != HEAD + frame[1] + TAIL:
        raise DecodeError("a wrong length", frame, 1)
    if crc_hqx(frame[1:-TAIL], CRC_INIT) != int.from_bytes(frame[-TAIL:], "little"):
        raise DecodeError("wrong checksum", frame, len(frame) - TAIL)


class Framer:
    """Finds frames in bytes cut anywhere; what is none is skipped byte by byte."""

    def __init__(self) -> None:
        self.skipped = bytearray()
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole."""
        self._held += data
        while self._held:
            is_start = self._held[0] == START and self._held[1:2] <= bytes((MOST,))
            size = HEAD + self._held[1] + TAIL if is_start and len(self._held) > 1 else HEAD + TAIL
            if is_start and len(self._held) < size:
                return
            frame = bytes(self._held[:size])
            try:
                check(frame)
            except DecodeError:
                self._skip(1)
            else:
                del self._held[:size]
                yield frame

    def silence(self) -> Iterator[bytes]:
        """The frames behind one that has begun and that silence shows to be cut."""
        while self._held:
            self._skip(1)
            yield from self.feed(b"")

    def take_skipped(self) -> bytes:
        """What belonged to no frame since it was asked last."""
        skipped, self.skipped = bytes(self.skipped), bytearray()
        return skipped

    def _skip(self, size: int) -> None:
        self.skipped = (self.skipped + self._held[:size])[-LONGEST:]
        del self._held[:size]
