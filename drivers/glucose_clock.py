"""Clocks of glucose meters, set once all that was measured by them is fetched.

Source: GATT Specification Supplement, 0x2A08 and 0x2A2B; for Contour weliem/blessed-kotlin@baaf9fe,
        for CareSens NightscoutFoundation/xDrip@c2a0ba1
Clock:  the time at the site. A Contour's is UTC plus an offset in minutes that its records repeat:
        it is set to the time at the site with none, as its records are read by the sum of both
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from drivers import device_clock
from drivers.characteristic import write_if_allowed
from drivers.spi import ClockRead, ClockSet, Frame, GattLink

CONTOUR = "00001026-0002-11e2-9e96-0800200c9a66"
CARESENS = "FFF1"  # of other makers' meters it may be anything
CARESENS_NAMES = ("CareSens",)
CARESENS_MAKER = "i-SENS"
CHARACTERISTICS = (*device_clock.CHARACTERISTICS, CONTOUR, CARESENS)
CONTOUR_SET_TIME = b"\x01"
CARESENS_SET_TIME = b"\xc0\x03\x01\x00"
NO_OFFSET = bytes(2)


def encode(characteristic: str, time: datetime) -> bytes:
    """The value that sets the clock behind the characteristic to the whole second of `time`."""
    match characteristic:
        case _ if characteristic == CONTOUR:
            return CONTOUR_SET_TIME + device_clock.encode(device_clock.DATE_TIME, time) + NO_OFFSET
        case _ if characteristic == CARESENS:
            return CARESENS_SET_TIME + device_clock.encode(device_clock.DATE_TIME, time)
        case _:
            return device_clock.encode(characteristic, time)


def find_own(link: GattLink, maker: str) -> str | None:
    """The characteristic by which a maker sets the clock its own way, if the device has one."""
    if link.offers(CONTOUR):
        return CONTOUR
    is_caresens = maker.startswith(CARESENS_MAKER) or link.name.startswith(CARESENS_NAMES)
    return CARESENS if is_caresens and link.offers(CARESENS) else None


async def adjust(
    link: GattLink, own: str | None, read: ClockRead | None
) -> AsyncIterator[ClockSet]:
    """Set the clock by the first way that the meter takes, unless `read` is right.

    One that could not be read is set where its maker has an own way, which nothing reads: or else
    nobody would ever know its time.
    """
    now = link.local_time()
    shown = read.device_time if read else None
    is_right = shown is not None and now and abs(now - shown) <= device_clock.TOLERANCE
    if now is None or is_right or not (own or read):
        return
    for way in (own,) if own else device_clock.CHARACTERISTICS:
        value = encode(way, now)
        if link.offers(way) and await write_if_allowed(link, way, value):
            yield ClockSet(now.replace(microsecond=0), Frame(way, value))
            return
