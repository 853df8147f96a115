"""Blood pressure cuffs that speak the Bluetooth SIG Blood Pressure Service.

Devices: any that expose service 0x1810; quirks of A&D, Beurer BM85 and Omron by advertised name
Source:  GATT Specification Supplement, 0x2A35 and 0x2A36; IEEE 11073-20601 for SFLOAT
Clock:   device local time, no zone, absent when never set; 0x2A08 or 0x2A2B where offered
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar

from drivers import device_clock, device_information
from drivers.blood_pressure_fields import MEAN, PRESSURES, PULSE, Flag, read
from drivers.device_clock import Setting
from drivers.errors import DecodeError
from drivers.spi import (
    DeviceEvent,
    DriverInfo,
    Frame,
    GattLink,
    Item,
    Observation,
    Origin,
    Reading,
    Undecodable,
    Unit,
)

MEASUREMENT = "2A35"
INTERMEDIATE = "2A36"
A_AND_D = "A&D"


class BloodPressure:
    """Hands on all that a cuff indicates, what it repeats included."""

    info: ClassVar = DriverInfo(
        id="sig-blood-pressure",
        version="1.0",
        transport="ble",
        match=("1810",),
        metrics=(*PRESSURES, PULSE),
        characteristics=(
            MEASUREMENT,
            INTERMEDIATE,
            *device_clock.CHARACTERISTICS,
            *device_information.CHARACTERISTICS,
        ),
        writes=device_clock.CHARACTERISTICS,
        devices=(
            "any cuff with the Bluetooth Blood Pressure Service (1810)",
            "A&D UA-651BLE",
            "Beurer BM85",
            "Medisana BU550, BM57",
            "Omron BLEsmart_ models, whose clock is left alone",
        ),
    )

    async def session(self, link: GattLink) -> AsyncIterator[Item]:
        """What the device says of itself, its clock, then its readings.

        The clock is set third, after some seven operations: an A&D gives us 5 s. No cuff is
        asked for the pressure while it deflates (0x2A36): that is no reading of record, and comes
        several times a second. Frames of it alone, from elsewhere, are told.
        """
        async for said in device_information.read(link):
            yield said
        is_measuring = link.offers(MEASUREMENT) or not link.offers(INTERMEDIATE)
        frames = link.subscribe(MEASUREMENT if is_measuring else INTERMEDIATE)
        async for fact in device_clock.adjust(link, _setting(link.name)):
            yield fact
        async for level in device_information.read_battery(link):
            yield level
        async for frame in frames:
            try:
                told = decode(frame.data, link.name) if is_measuring else decode_cuff(frame.data)
            except DecodeError as error:
                yield Undecodable(error, (frame,))
            else:
                yield told


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A35 indication of a device that advertises `name`.

    Specials are no observations: they stand in `attributes["special"]` by metric; a mean pressure
    of 0, with which a Beurer BM85 says that it has none, stands there as "0". Without a single
    pressure the reading has failed. Reserved flags stand in `attributes["unknown_flags"]`.
    """
    of = read(frame, name)
    numbers = {metric: value for metric, value in of.sent.items() if isinstance(value, Decimal)}
    special = {metric.name: str(of.sent[metric]) for metric in of.sent if metric not in numbers}
    if of.is_bm85 and numbers.get(MEAN) == 0:
        special[MEAN.name] = str(numbers.pop(MEAN))
    # The Blood Pressure Service wants a time stamp on what comes from a memory: what has none was
    # measured just now. An A&D whose clock was never set stores readings, and sends them without.
    is_live = not frame[0] & Flag.TIME_STAMP and not name.startswith(A_AND_D)
    return Reading(
        observations=tuple(
            Observation(metric, value, Unit.PER_MINUTE if metric is PULSE else of.unit)
            for metric, value in numbers.items()
        ),
        raw=(Frame(MEASUREMENT, frame),),
        device_time=of.time,
        status=of.status,
        origin=Origin.LIVE if is_live else Origin.UNKNOWN,
        failed=not numbers.keys() & set(PRESSURES),
        attributes={**of.attributes, "special": special} if special else of.attributes,
    )


def decode_cuff(frame: bytes) -> DeviceEvent:
    """The pressure in a cuff that deflates, in one 0x2A36 notification: no blood pressure yet.

    Its layout is that of 0x2A35, of which it uses the first pressure.
    """
    of = read(frame)
    facts: dict[str, int | str] = {
        **of.attributes,
        "pressure": f"{of.sent[PRESSURES[0]]} {of.unit}",
    }
    if of.status:
        facts["status"] = " ".join(of.status)
    return DeviceEvent("cuff-pressure", (Frame(INTERMEDIATE, frame),), of.time, facts)


def _setting(name: str) -> Setting:
    """When to set the clock: an A&D sends nothing unless that is done within 5 s of connecting."""
    if name.startswith(A_AND_D):
        return Setting.ALWAYS
    if name.casefold().startswith("blesmart_"):  # these Omrons must not be written to
        return Setting.NEVER
    return Setting.WHEN_WRONG
