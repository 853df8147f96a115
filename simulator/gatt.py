"""What a blood pressure cuff shows on the air: advertisement, GATT table, Just Works bonding.

Source: HEADS-project/ThingML-BLE, Documentation/AND_Medical_UA651BLE.md: its Blood Pressure
service holds 2A35, 2A49 and 2A08
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bumble.att import ATT_Error, Attribute, AttributeValue, ErrorCode
from bumble.core import UUID, AdvertisingData
from bumble.data_types import CompleteListOf16BitServiceUUIDs, CompleteLocalName, Flags
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    Descriptor,
    Service,
)
from bumble.hci import Address
from bumble.pairing import PairingConfig, PairingDelegate

from simulator.air import Air

ADVERTISING_MS = 20  # Blood Pressure Profile, for the first 30 seconds: 20 to 30 ms
FEATURES = bytes(2)  # 2A49; assumed
FIRMWARE = "1.00"  # 2A26; assumed
BATTERY_PERCENT = 90

READ = Characteristic.Properties.READ
WRITE = Characteristic.Properties.WRITE
INDICATE = Characteristic.Properties.INDICATE
OPEN = Attribute.Permissions.READABLE
# Core Vol 3 Part C, 10.3.1: a client without a bond is answered Insufficient Authentication.
BONDED = (
    Attribute.Permissions.READABLE
    | Attribute.Permissions.WRITEABLE
    | Attribute.Permissions.READ_REQUIRES_AUTHENTICATION
    | Attribute.Permissions.WRITE_REQUIRES_AUTHENTICATION
)
ENCRYPTION_KEY = PairingDelegate.KeyDistribution.DISTRIBUTE_ENCRYPTION_KEY
# Without identity keys: nobody here rotates an address, and Bumble scans to resolve one.
JUST_WORKS = PairingConfig(
    mitm=False,
    delegate=PairingDelegate(
        local_initiator_key_distribution=ENCRYPTION_KEY,
        local_responder_key_distribution=ENCRYPTION_KEY,
    ),
)


class DateTime(NamedTuple):
    """The two sides of 2A08; `write` raises ValueError for bytes that are no date."""

    read: Callable[[], bytes]
    write: Callable[[bytes], None]


def attach(air: Air, name: str, address: str) -> Device:
    """A peripheral on the air: not powered, its table still empty."""
    advertisement = AdvertisingData(
        [
            Flags(
                AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE
                | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
            ),
            CompleteListOf16BitServiceUUIDs([UUID("1810")]),
            CompleteLocalName(name),
        ]
    )
    device = air.attach(
        DeviceConfiguration(
            name=name,
            address=Address(address),
            advertising_data=bytes(advertisement),
            advertising_interval_min=ADVERTISING_MS,
            advertising_interval_max=ADVERTISING_MS,
        )
    )
    device.pairing_config_factory = lambda _: JUST_WORKS
    return device


def serve(
    device: Device, *, maker: str, model: str, serial: str, clock: DateTime | None
) -> Characteristic[bytes]:
    """Give the device its services; returns the measurement characteristic."""
    measurement = Characteristic[bytes]("2A35", INDICATE, Attribute.Permissions(0))
    measurement.descriptors = [
        Descriptor(
            GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
            BONDED,
            device.gatt_server.make_descriptor_value(measurement),
        )
    ]
    pressure = [measurement, Characteristic[bytes]("2A49", READ, OPEN, FEATURES)]
    if clock:
        value = AttributeValue(lambda _: clock.read(), lambda _, data: _write(clock, data))
        pressure.append(Characteristic[bytes]("2A08", READ | WRITE, BONDED, value))
    information = {"2A29": maker, "2A24": model, "2A25": serial, "2A26": FIRMWARE}
    device.add_services(
        [
            Service("1810", pressure),
            Service(
                "180A", [Characteristic(u, READ, OPEN, t.encode()) for u, t in information.items()]
            ),
            Service("180F", [Characteristic("2A19", READ, OPEN, bytes([BATTERY_PERCENT]))]),
        ]
    )
    return measurement


def _write(clock: DateTime, data: bytes) -> None:
    try:
        clock.write(data)
    except ValueError as error:
        raise ATT_Error(ErrorCode.VALUE_NOT_ALLOWED) from error
