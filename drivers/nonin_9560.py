"""Fingertip oximeters of Nonin that take spot checks and keep them until they are connected.

Devices: Onyx II 9560, over Bluetooth's serial port profile (an rfcomm port) or a cable
Source:  Nonin 6470-000, format 13 and commands; the get-time command as public drivers of the 9560
         send it
Clock:   device local time, lost with the battery; read first, set last

It sends what it has kept first, oldest first, and forgets by itself what was sent: no document
shows an acknowledgement by the host, so none is written. Only the session's own steps wait for the
commit: the clock is set when all that was kept is on flash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import ClassVar

from drivers.errors import DecodeError
from drivers.nonin_9560_format import ETX, Framer, decode
from drivers.spi import (
    RX,
    ClockRead,
    ClockSet,
    DriverInfo,
    Frame,
    Item,
    Line,
    Metric,
    SerialLink,
    Undecodable,
)

SELECT_FORMAT_13 = bytes.fromhex("027002020d03")  # heard within 5 s of connecting
GET_TIME = bytes.fromhex("02720003")
SET_TIME = bytes.fromhex("027206")  # then six bytes of plain binary, and 03; never answered
TOLERANCE = timedelta(seconds=30)


class Nonin9560:
    """Hands on spot checks, those of the memory first."""

    info: ClassVar = DriverInfo(
        id="nonin-9560",
        version="1.0",
        transport="serial",
        match=(),
        metrics=(Metric.MDC_PULS_OXIM_SAT_O2, Metric.MDC_PULS_OXIM_PULS_RATE),
        line=Line(9600),
        commands=(SELECT_FORMAT_13, GET_TIME, SET_TIME),
        devices=("Nonin Onyx II 9560 (spot checks)",),
    )

    async def session(self, link: SerialLink) -> AsyncIterator[Item]:
        """Its clock, then spot checks; the clock is set when the line first falls silent."""
        framer = Framer()
        is_wrong = False
        await link.write(SELECT_FORMAT_13)
        await link.write(GET_TIME)
        async for chunk in link.receive():
            for frame in framer.feed(chunk.data):
                raw = Frame(RX, frame)
                try:
                    item = decode(frame)
                except DecodeError as error:
                    yield Undecodable(error, (raw,))
                    continue
                if isinstance(item, ClockRead):
                    is_wrong = _is_wrong(item.device_time, link.local_time())
                yield item
            if is_wrong and not chunk.data and (now := link.local_time()):
                is_wrong = False
                command = set_time(now)
                await link.write(command)
                yield ClockSet(now.replace(microsecond=0), Frame(RX, command))


def set_time(time: datetime) -> bytes:
    """The command that sets the clock to the whole second of `time`."""
    return SET_TIME + bytes((time.year % 100, *time.timetuple()[1:6], ETX))


def _is_wrong(shown: datetime | None, now: datetime | None) -> bool:
    return now is not None and (shown is None or abs(now - shown) > TOLERANCE)
