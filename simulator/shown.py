"""What a peripheral shows to everyone: its advertisement, what is printed on it, its battery."""

from __future__ import annotations

from collections.abc import Sequence

from bumble.core import UUID, AdvertisingData
from bumble.data_types import (
    CompleteListOf16BitServiceUUIDs,
    CompleteListOf128BitServiceUUIDs,
    CompleteLocalName,
    Flags,
)
from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address

from simulator.air import Air
from simulator.gatt import Table, Value

ADVERTISING_MS = 20  # Blood Pressure Profile, for the first 30 seconds: 20 to 30 ms
FIRMWARE = "1.00"  # assumed
BATTERY_PERCENT = 90
SHORT_UUID = 4


def attach(air: Air, name: str, address: str, services: Sequence[str]) -> Device:
    """A peripheral on the air: not powered, its table still empty.

    An advertisement has 31 bytes: beside a 128-bit service there is room for 8 of a name.
    """
    short = [UUID(uuid) for uuid in services if len(uuid) == SHORT_UUID]
    long = [UUID(uuid) for uuid in services if len(uuid) > SHORT_UUID]
    kinds = AdvertisingData.Flags
    said = [
        Flags(kinds.LE_GENERAL_DISCOVERABLE_MODE | kinds.BR_EDR_NOT_SUPPORTED),
        *([CompleteListOf16BitServiceUUIDs(short)] if short else []),
        *([CompleteListOf128BitServiceUUIDs(long)] if long else []),
        CompleteLocalName(name),
    ]
    return air.attach(
        DeviceConfiguration(
            name=name,
            address=Address(address),
            advertising_data=bytes(AdvertisingData(said)),
            advertising_interval_min=ADVERTISING_MS,
            advertising_interval_max=ADVERTISING_MS,
        )
    )


def label(maker: str, model: str, serial: str) -> Table:
    """The services of every device: who it is, and its battery."""
    said = {"2A29": maker, "2A24": model, "2A25": serial, "2A26": FIRMWARE}
    return {
        "180A": [Value(uuid, text.encode(), public=True) for uuid, text in said.items()],
        "180F": [Value("2A19", bytes([BATTERY_PERCENT]), public=True)],
    }
