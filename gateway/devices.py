"""Enrolled devices: how each is found, what identifies it, which driver reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from drivers.spi import DeviceInformation, Driver, Reading, Series
from gateway.clock import Moment
from gateway.drafts import RecordName
from gateway.errors import ConfigError, ConfigErrors
from gateway.first_contact import Since
from gateway.settings import DeviceSettings

Identity = tuple[str, str, str] | bytes
"""Maker, model and serial, the same on every hub; or 16 random bytes given at enrolment."""

PLACES = {"ble": ("address",), "serial": ("port", "usb")}
"""Which settings say where the device of a driver is, by the driver's transport."""


class Socket(NamedTuple):
    """Where a serial device is plugged in: at the path `port`, or by the id of its USB cable."""

    port: str = ""
    usb: str = ""
    usb_serial: str = ""

    def __repr__(self) -> str:
        return "Socket(by path)" if self.port else f"Socket({self.usb})"


async def _forget(_device: Device) -> None:
    """What nobody remembers."""


ShowReading = Callable[["Device", Reading | Series, RecordName, datetime | None], None]
"""Of a device: what is on flash under this name, and what the device's clock showed, if read."""


def _show_nobody(*_: object) -> None:
    """Most hubs have no light."""


class BondNews(NamedTuple):
    """A bond was made or lost, as the device that calls itself `name` was met."""

    event: str
    at: Moment
    name: str
    reason: str = ""


class Watch(Protocol):
    """Somebody who stands beside the device and waits for what it brings."""

    def note_reading(self, measured: Reading | Series, name: RecordName) -> None:
        """A measurement is on flash, under this name."""

    def note_clock(self, device_time: datetime | None, site_time: datetime | None) -> None:
        """The device's clock was read, when it was `site_time` by the hub's."""


@dataclass(slots=True)
class Device:
    """One enrolled device, with what was seen of it since the daemon started.

    `is_bonded` says that it must have a bond, `has_bond` whether it has one; None: not yet looked.
    Until it `is_met`, what it stored before `since` is left out, and `left_out` counts that.
    `remember` keeps what must outlive the daemon; who stands beside it is its `watch`, and
    `show_reading` lets the box say that something was measured.
    `is_awaited`: somebody is adding it, so that while set-up is open it may pair where it asks for
    that, with the `passkey` that it shows, if it shows one. `bond_lost`: it had a bond, and either
    side has forgotten it; `bond_news` waits to be recorded. The `address` follows the device's
    identity once a bond has shown it. `failed_connects` counts those in a row.
    """

    name: str
    address: str = field(repr=False)
    identity: Identity = field(repr=False)
    driver: Driver
    is_bonded: bool
    information: DeviceInformation = field(default_factory=DeviceInformation)
    battery: int | None = None
    bookmark: str = ""
    is_met: bool = True
    since: Since | None = None
    wants_all: bool = False
    left_out: int = 0
    remember: Callable[[Device], Awaitable[None]] = field(default=_forget, repr=False)
    show_reading: ShowReading = field(default=_show_nobody, repr=False)
    watch: Watch | None = field(default=None, repr=False)
    has_bond: bool | None = None
    heard_at: Moment | None = None
    reading_at: Moment | None = None
    socket: Socket | None = None
    is_awaited: bool = False
    passkey: int | None = field(default=None, repr=False)
    bond_lost: bool = False
    bond_news: list[BondNews] = field(default_factory=list)
    failed_connects: int = 0

    @property
    def serial(self) -> str:
        """The enrolled serial, empty where a random id stands in for it."""
        return "" if isinstance(self.identity, bytes) else self.identity[2]


def enrol(settings: Sequence[DeviceSettings], drivers: Mapping[str, Driver]) -> list[Device]:
    """The devices of the settings, each with its driver. Raises ConfigErrors."""
    wanted = f"one of {', '.join(sorted(drivers))}" if drivers else "an installed driver"
    faults = [
        ConfigError(f"devices[{index}].driver", repr(entry.driver), wanted)
        for index, entry in enumerate(settings)
        if entry.driver not in drivers
    ]
    faults += [
        fault
        for index, entry in enumerate(settings)
        if entry.driver in drivers
        for fault in _misplaced(f"devices[{index}]", entry, drivers[entry.driver])
    ]
    if faults:
        raise ConfigErrors(faults)
    return [
        Device(
            name=entry.name,
            address=entry.address.upper(),
            identity=bytes.fromhex(entry.id)
            if entry.id
            else (entry.maker, entry.model, entry.serial),
            driver=drivers[entry.driver],
            is_bonded=entry.bond,
            wants_all=entry.history == "all",
            socket=None if entry.address else Socket(entry.port, entry.usb, entry.usb_serial),
        )
        for entry in settings
    ]


def _misplaced(path: str, entry: DeviceSettings, driver: Driver) -> Iterator[ConfigError]:
    """A device that is looked for in another way than its driver speaks."""
    transport = driver.info.transport
    wanted = PLACES.get(transport, ())
    for name in ("address", "port", "usb"):
        if getattr(entry, name) and name not in wanted:
            found = f"{name} of a device over {transport}"
            yield ConfigError(f"{path}.{name}", found, " or ".join(wanted) or "another driver")
