"""What a device says of itself: Device Information (0x180A) and Battery (0x180F) services.

Source: Device Information Service 1.2; Battery Service 1.1; GATT Specification Supplement
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from drivers.characteristic import read_if_allowed
from drivers.errors import DecodeError
from drivers.reader import Reader
from drivers.spi import Battery, DeviceInformation, Frame, GattLink, Undecodable

BATTERY_LEVEL = "2A19"
MODEL = "2A24"
SERIAL = "2A25"
FIRMWARE = "2A26"
SOFTWARE = "2A28"
MAKER = "2A29"
CHARACTERISTICS = (MAKER, MODEL, SERIAL, FIRMWARE, SOFTWARE, BATTERY_LEVEL)
FULL = 100


async def read(link: GattLink) -> AsyncIterator[DeviceInformation]:
    """What the device gives of itself, if anything; `firmware` is its software revision if need be.

    Read it before anything else: the gateway ends a session with another device than the enrolled.
    """
    said = DeviceInformation(
        maker=await _text(link, MAKER),
        model=await _text(link, MODEL),
        serial=await _text(link, SERIAL),
        firmware=await _text(link, FIRMWARE) or await _text(link, SOFTWARE),
    )
    if said != DeviceInformation():
        yield said


async def read_battery(link: GattLink) -> AsyncIterator[Battery | Undecodable]:
    """The battery level, if the device gives it."""
    if frame := await read_if_allowed(link, BATTERY_LEVEL):
        try:
            yield decode_battery(frame)
        except DecodeError as error:
            yield Undecodable(error, (frame,))


def decode_text(value: bytes) -> str:
    """A UTF-8 string without the NULs and spaces it is padded with; U+FFFD for what is not UTF-8.

    An A&D UA-651BLE fills up to an even length: `A&D Medical ` (example device of HL7 DK Core).
    """
    return value.decode(errors="replace").rstrip("\0 ")


def decode_battery(frame: Frame) -> Battery:
    """The percentage in one 0x2A19 value."""
    reader = Reader(frame.data)
    percent = reader.uint(1)
    reader.end()
    if percent > FULL:
        raise DecodeError("more than 100 percent", frame.data, 0)
    return Battery(percent, frame)


async def _text(link: GattLink, characteristic: str) -> str:
    frame = await read_if_allowed(link, characteristic)
    return decode_text(frame.data) if frame else ""
