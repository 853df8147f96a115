"""Blood pressure cuffs of A&D with a serial port, which send ten hexadecimal digits.

Devices: A&D UA-767PC
Source:  public notes on the UA-767PC: "80", systolic less diastolic, diastolic, pulse and mean
         pressure, two digits each; 81 to 83 in place of 80 for a measurement that failed
Clock:   none, and no note says whether a measurement is sent as it is made: the origin is unknown

Nothing is written: the maker's commands are not public. Digits are what stands between control
characters or silence, and begins with an 8: the rest is noise. As they carry no sum, a run that is
no multiple of ten is not read, and handed on as it came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import ClassVar

from drivers.errors import DecodeError
from drivers.spi import (
    RX,
    Chunk,
    DriverInfo,
    Frame,
    Item,
    Line,
    Metric,
    Observation,
    Reading,
    SerialLink,
    Undecodable,
    Unit,
)

SIZE = 10
MEASURED, FAILED = 0x80, range(0x81, 0x84)
DIGITS = b"0123456789ABCDEFabcdef"
SPACE = 0x20  # and below: what parts frames
FIRST_DIGIT = b"8"
LONGEST = 1024
LONGEST_GAP_MS = 1000


class AndUa767Pc:
    """Hands on what the cuff sends."""

    info: ClassVar = DriverInfo(
        id="and-ua767pc",
        version="1.0",
        transport="serial",
        match=(),
        metrics=(
            Metric.MDC_PRESS_BLD_NONINV_SYS,
            Metric.MDC_PRESS_BLD_NONINV_DIA,
            Metric.MDC_PRESS_BLD_NONINV_MEAN,
            Metric.MDC_PULS_RATE_NON_INV,
        ),
        line=Line(9600, stopbits=2),
        devices=("A&D UA-767PC",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Readings, until the cable is pulled."""
        framer = Framer()
        async for chunk in link.receive():
            for frame in framer.feed(chunk):
                yield _read(frame)
        for frame in framer.end():
            yield _read(frame)


def _read(frame: bytes) -> Item:
    try:
        return decode(frame)
    except DecodeError as error:
        return Undecodable(error, (Frame(RX, frame),))


def decode(frame: bytes) -> Reading:
    """The measurement in ten digits. Raises DecodeError."""
    for at, digit in enumerate(frame):
        if digit not in DIGITS:
            raise DecodeError("no hexadecimal digit", frame, at)
    if len(frame) != SIZE:
        raise DecodeError(f"a frame has {SIZE} digits", frame, min(len(frame), SIZE))
    code, difference, diastolic, pulse, mean = bytes.fromhex(frame.decode("ascii"))
    raw = (Frame(RX, frame),)
    if code in FAILED:
        return Reading((), raw, failed=True, attributes={"code": code})
    if code != MEASURED:
        raise DecodeError("no such code", frame, 0)
    sent = (difference + diastolic, diastolic, mean, pulse)
    units = (Unit.MMHG, Unit.MMHG, Unit.MMHG, Unit.PER_MINUTE)
    return Reading(
        tuple(
            Observation(metric, Decimal(value), unit)
            for metric, value, unit in zip(AndUa767Pc.info.metrics, sent, units, strict=True)
        ),
        raw,
    )


class Framer:
    """Finds frames in bytes cut anywhere; a whole run of them may come without a pause."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at_ms = 0

    def feed(self, chunk: Chunk) -> Iterator[bytes]:
        """What stands before a control character, or before silence."""
        if not chunk.data or chunk.at_ms - self._at_ms > LONGEST_GAP_MS:
            yield from self.end()
        self._at_ms = chunk.at_ms
        for byte in chunk.data:
            if byte <= SPACE or len(self._held) == LONGEST:
                yield from self.end()
            if byte > SPACE:
                self._held.append(byte)

    def end(self) -> Iterator[bytes]:
        """What stands before the end of the line."""
        held = bytes(self._held)
        self._held.clear()
        if not held.startswith(FIRST_DIGIT):
            return
        size = len(held) if len(held) % SIZE else SIZE
        yield from (held[at : at + size] for at in range(0, len(held), size))
