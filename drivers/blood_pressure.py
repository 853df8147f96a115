"""Blood pressure cuffs that speak the Bluetooth SIG Blood Pressure Service.

Devices: any that expose service 0x1810; quirks of A&D, Beurer BM85 and Omron by advertised name
Source:  GATT Specification Supplement, 0x2A35 and 0x2A36; IEEE 11073-20601 for SFLOAT
Clock:   device local time, no zone, absent when never set; 0x2A08 or 0x2A2B where offered
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import ClassVar

from drivers import device_clock, device_information
from drivers.blood_pressure_fields import MEAN, PRESSURES, PULSE, Flag, read
from drivers.listening import Each, listen
from drivers.quirks import origin_of
from drivers.specials import tell_apart
from drivers.spi import DeviceEvent, DriverInfo, Frame, GattLink, Item, Observation, Reading, Unit

MEASUREMENT = "2A35"
INTERMEDIATE = "2A36"


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
        is_measuring = link.offers(MEASUREMENT) or not link.offers(INTERMEDIATE)
        heard = MEASUREMENT if is_measuring else INTERMEDIATE
        ear = Each(partial(decode, name=link.name) if is_measuring else decode_cuff)
        async for item in listen(link, (heard,), ear):
            yield item


def decode(frame: bytes, name: str = "") -> Reading:
    """The reading in one 0x2A35 indication of a device that advertises `name`.

    Specials are no observations: they stand in `attributes["special"]` by metric; a mean pressure
    of 0, with which a Beurer BM85 says that it has none, stands there as "0". Without a single
    pressure the reading has failed. Reserved flags stand in `attributes["unknown_flags"]`.
    """
    of = read(frame, name)
    numbers, special = tell_apart(of.sent)
    if of.is_bm85 and numbers.get(MEAN) == 0:
        special[MEAN.name] = str(numbers.pop(MEAN))
    return Reading(
        observations=tuple(
            Observation(metric, numbers[metric], Unit.PER_MINUTE if metric is PULSE else of.unit)
            for metric in of.sent
            if metric in numbers
        ),
        raw=(Frame(MEASUREMENT, frame),),
        device_time=of.time,
        status=of.status,
        origin=origin_of(name, has_time=bool(frame[0] & Flag.TIME_STAMP)),
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
