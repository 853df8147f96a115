"""Which of several Bluetooth adapters is the hub's.

BlueZ keeps bonds by the adapter's own address, and the kernel numbers adapters as they turn up: two
that swap their numbers at a boot are told apart by what they hold. So with `radio.adapter = "any"`
it is the one with the most of the devices' bonds, else the one used before, else the lowest number;
under whatever number it comes back, it is found. Another one takes its place only where no bond is
at stake: a device that has its bond with the adapter that was pulled out has not lost it, and must
not be told to be added again. After a restart, when nothing is known of another one, an adapter
without any bond is taken all the same: its bonds may have been wiped, which then is said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
ANY = "any"

Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By path, interface and name, as GetManagedObjects answers."""


class Adapter(NamedTuple):
    """An adapter that bluetoothd has, and the addresses of what is bonded with it."""

    path: str
    address: str
    bonded: frozenset[str]

    @property
    def name(self) -> str:
        """Such as hci0."""
        return self.path.rpartition("/")[2]

    @property
    def number(self) -> int:
        """Such as 0."""
        return int(self.name.removeprefix("hci"))


def list_adapters(objects: Objects) -> list[Adapter]:
    """Those in the answer of bluetoothd's GetManagedObjects."""
    return [
        Adapter(path, told[ADAPTER]["Address"].value.upper(), _list_bonded(objects, path + "/"))
        for path, told in objects.items()
        if ADAPTER in told
    ]


def choose(
    wanted: str, adapters: Collection[Adapter], bonded: Collection[str], before: str
) -> Adapter:
    """The one of this name or address, or as above; `before` is the address of the last.

    Raises BleakBluetoothNotAvailableError.
    """
    if wanted != ANY:
        adapters = [
            each for each in adapters if wanted.upper() in (each.name.upper(), each.address)
        ]
    if not adapters:
        raise _missing("the adapter is not there")
    if wanted != ANY:
        return min(adapters)

    def fitness(adapter: Adapter) -> tuple[int, bool, int]:
        held = len(adapter.bonded.intersection(bonded))
        return held, adapter.address == before, -adapter.number

    best = max(adapters, key=fitness)
    if bonded and before not in ("", best.address) and best.bonded.isdisjoint(bonded):
        raise _missing("another adapter has the bonds")
    return best


def _list_bonded(objects: Objects, prefix: str) -> frozenset[str]:
    return frozenset(
        told[DEVICE]["Address"].value.upper()
        for path, told in objects.items()
        if path.startswith(prefix) and DEVICE in told and told[DEVICE]["Paired"].value
    )


def _missing(why: str) -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError(why, BleakBluetoothNotAvailableReason.NO_BLUETOOTH)
