"""Ear thermometers of Acme, which send one line a measurement over a USB cable.

Devices: Acme T1 (invented)
Source:  invented: `T`, tenths of a degree, `C`, the sum of these bytes in hex, CR LF
Clock:   none
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import ClassVar

from drivers.spi import (
    RX,
    DecodeError,
    DriverInfo,
    Frame,
    Item,
    Line,
    Metric,
    Observation,
    Origin,
    Reading,
    SerialLink,
    Undecodable,
    Unit,
)

LONGEST = 10  # T, three or four digits, C, two of the sum, CR LF


class AcmeThermometer:
    """Hands on each measurement as it is made."""

    info: ClassVar = DriverInfo(
        id="acme-thermometer",
        version="1.0",
        transport="serial",
        match=(),
        metrics=(Metric.MDC_TEMP_BODY,),
        line=Line(9600),
        devices=("Acme T1",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Readings, until the cable is pulled."""
        framer = Framer()
        async for chunk in link.receive():
            for frame in framer.feed(chunk.data):
                try:
                    reading = decode(frame)
                except DecodeError as error:
                    yield Undecodable(error, (Frame(RX, frame),))
                else:
                    yield reading


def decode(frame: bytes) -> Reading:
    """The reading in one line. Raises DecodeError."""
    body, sum_ = frame[:-4], frame[-4:]
    if sum_ != b"%02X\r\n" % (sum(body) & 0xFF):
        raise DecodeError("the sum is wrong", frame, len(body))
    if not (body[:1] == b"T" and body[1:-1].isdigit() and body[-1:] == b"C"):
        raise DecodeError("no temperature", frame, 0)
    tenths = Decimal(body[1:-1].decode()).scaleb(-1)
    seen = Observation(Metric.MDC_TEMP_BODY, tenths, Unit.CELSIUS)
    return Reading((seen,), (Frame(RX, frame),), origin=Origin.LIVE)


class Framer:
    """Finds lines in bytes cut anywhere; one that is too long is dropped whole."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that these bytes make whole."""
        *lines, self._held = (self._held + data).split(b"\n")
        self._held = self._held[-LONGEST:]
        yield from (line + b"\n" for line in lines if len(line) < LONGEST)
