"""Spot checks of a Nonin in format 13, and its answer when asked for the time.

Source: Nonin 6470-000
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from drivers.errors import DecodeError
from drivers.spi import RX, ClockRead, Frame, Metric, Observation, Origin, Reading, Unit

TIME_ANSWER = bytes.fromhex("02f206")
TIME_SIZE = 10
HEADER = bytes.fromhex("0002000d")
HEADER_SIZE = 6
LEAST_DATA, MOST_DATA = 14, 64  # the document lets it grow
ETX = 0x03
NO_PULSE, NO_SPO2 = 0x1FF, 0x7F
BCD_CENTURY, BINARY_CENTURY = 0x20, 20
SMART_POINT, NO_MEASUREMENT, FROM_MEMORY, LOW_BATTERY = 0x0200, 0x0100, 0x0010, 0x0001
KNOWN_STATUS = SMART_POINT | NO_MEASUREMENT | FROM_MEMORY | LOW_BATTERY


def decode(frame: bytes) -> Reading | ClockRead:
    """The spot check or the time in one frame. Raises DecodeError.

    The date is BCD by the document and plain binary by another reader of it: the century tells,
    0x20 of the one and 0x14 of the other. Where month and day are 0 there is none.
    """
    if frame.startswith(TIME_ANSWER):
        return _decode_time(frame)
    if not frame.startswith(HEADER) or len(frame) < HEADER_SIZE:
        raise DecodeError("no frame of format 13", frame, min(len(frame), len(HEADER)))
    size = int.from_bytes(frame[4:HEADER_SIZE], "big")
    data, sum_ = frame[HEADER_SIZE:-2], frame[-2:-1]
    if not LEAST_DATA <= size == len(data) or frame[-1] != ETX:
        raise DecodeError("its length is wrong", frame, 4)
    if sum(data) & 0xFF != sum_[0]:
        raise DecodeError("the sum is wrong", frame, len(frame) - 2)
    status, pulse = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10))
    spo2 = data[13]
    seen = []
    if not status & NO_MEASUREMENT:
        if spo2 != NO_SPO2:
            metric = Metric.MDC_PULS_OXIM_SAT_O2
            seen.append(Observation(metric, Decimal(spo2), Unit.PERCENT))
        if pulse != NO_PULSE:
            metric = Metric.MDC_PULS_OXIM_PULS_RATE
            seen.append(Observation(metric, Decimal(pulse), Unit.PER_MINUTE))
    names = {SMART_POINT: "smart_point", LOW_BATTERY: "low_battery"}
    unknown = status & ~KNOWN_STATUS
    return Reading(
        observations=tuple(seen),
        raw=(Frame(RX, frame),),
        device_time=_date(frame),
        status=tuple(name for bit, name in names.items() if status & bit),
        origin=Origin.STORED if status & FROM_MEMORY else Origin.LIVE,
        failed=not seen,
        attributes={"unknown_status": unknown} if unknown else {},
    )


def _decode_time(frame: bytes) -> ClockRead:
    if len(frame) != TIME_SIZE or frame[-1] != ETX:
        raise DecodeError("no whole answer", frame, min(len(frame), TIME_SIZE))
    year, *rest = frame[3:-1]
    return ClockRead(_time(frame, 3, 2000 + year, *rest), Frame(RX, frame))


def _date(frame: bytes) -> datetime | None:
    """The time of a spot check; the fraction of a second stands in the raw frame alone."""
    fields = frame[HEADER_SIZE : HEADER_SIZE + 7]
    if not any(fields):
        return None
    if fields[0] == BCD_CENTURY:
        for at, byte in enumerate(fields, HEADER_SIZE):
            if byte >> 4 > 9 or byte & 0x0F > 9:  # noqa: PLR2004  a decimal digit
                raise DecodeError("no decimal digits", frame, at)
        fields = bytes((byte >> 4) * 10 + (byte & 0x0F) for byte in fields)
    elif fields[0] != BINARY_CENTURY:
        raise DecodeError("no such century", frame, HEADER_SIZE)
    century, year, *rest = fields
    return _time(frame, HEADER_SIZE, century * 100 + year, *rest)


def _time(frame: bytes, at: int, year: int, *rest: int) -> datetime | None:
    month, day, hour, minute, second = rest
    if not month and not day:
        return None
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  the device states no zone
    except ValueError:
        raise DecodeError("no such date or time", frame, at) from None


class Framer:
    """Finds spot checks and answers; what begins as neither is dropped byte by byte."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes make whole; sums are left to `decode`."""
        self._held += data
        while self._held:
            size = self._size()
            if size is None:
                return
            if size:
                yield self._held[:size]
            self._held = self._held[size or 1 :]

    def _size(self) -> int | None:
        """Of the frame that begins here; 0 if there is none, None if more bytes must tell."""
        held = self._held
        for start, whole in ((HEADER, self._spot_check()), (TIME_ANSWER, TIME_SIZE)):
            if held.startswith(start[: len(held)]):
                if whole is None or len(held) < whole:
                    return None
                return whole if whole and held[whole - 1] == ETX else 0
        return 0

    def _spot_check(self) -> int | None:
        if len(self._held) < HEADER_SIZE:
            return None
        size = int.from_bytes(self._held[4:HEADER_SIZE], "big")
        return HEADER_SIZE + size + 2 if LEAST_DATA <= size <= MOST_DATA else 0
