"""What gateway.toml may say: one struct per table, each field with what it wants in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from gateway.settings_upgrade import FORMAT

DEFAULT_CREDENTIALS = "/etc/vitalpost/credentials"

Text = Annotated[str, Meta(min_length=1, max_length=64, description="a text in quotes")]
Folder = Annotated[str, Meta(min_length=1, description="a folder in quotes")]
Options = Annotated[
    dict[str, str | int | float | bool],
    Meta(description="a table of texts, numbers, true and false"),
]


class HubSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which hub this is and where it keeps things."""

    id: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9-]{1,32}$",
            description="1 to 32 of a-z, 0-9 and -, as enrolled at the office",
        ),
    ]
    site_zone: Annotated[
        str,
        Meta(
            min_length=1,
            description='a zone of tzdata, such as "America/New_York"',
        ),
    ]
    format: Annotated[
        int, Meta(ge=1, description=f"{FORMAT}, the format of these settings; left out: 1")
    ] = FORMAT
    state: Folder = "/var/lib/vitalpost"
    credentials: Annotated[
        str,
        Meta(description="a folder in quotes; left out: systemd's, else " + DEFAULT_CREDENTIALS),
    ] = ""
    suite: Annotated[
        Literal["x-wing", "x25519"], Meta(description='"x-wing" or "x25519", what is sealed to')
    ] = "x-wing"
    journal: Annotated[
        str,
        Meta(description="a file in quotes to which the hub appends each step of a record's way"),
    ] = ""


class BrokerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker that takes the records to the backend."""

    host: Annotated[
        str, Meta(pattern=r"^[^\s/]{1,253}$", description="a host name or address in quotes")
    ]
    port: Annotated[int, Meta(ge=1, le=65535, description="a port from 1 to 65535")] = 8883
    prefix: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_-]{1,64}$",
            description="1 to 64 letters, digits, _ and -, the first part of every topic",
        ),
    ] = "vitalpost"
    keepalive_s: Annotated[int, Meta(ge=5, le=65535, description="seconds, 5 to 65535")] = 1200


class OutboxSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where sealed records wait on flash."""

    quota_mb: Annotated[int, Meta(ge=1, le=1_000_000, description="megabytes from 1 up")] = 512
    keep_days: Annotated[int, Meta(ge=0, le=365, description="days, 0 to 365")] = 14


class RadioSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How Bluetooth devices are reached."""

    backend: Annotated[
        str,
        Meta(min_length=1, description='"bluez" or the name of an installed vitalpost.radios'),
    ] = "bluez"
    adapter: Annotated[
        str, Meta(pattern="^hci[0-9]+$", description='a Bluetooth adapter, such as "hci0"')
    ] = "hci0"
    quiet_s: Annotated[
        int, Meta(ge=1, le=3600, description="seconds, 1 to 3600, until a silent device is let go")
    ] = 60
    options: Options = {}


class ClockSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the time comes from."""

    source: Annotated[
        str,
        Meta(min_length=1, description='"system" or the name of an installed vitalpost.clocks'),
    ] = "system"
    options: Options = {}


class NetworkSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What the hub does about modem and networks, where ModemManager or NetworkManager runs."""

    watch: Annotated[bool, Meta(description="true or false")] = True
    recover: Annotated[bool, Meta(description="true or false")] = True
    prefer: Annotated[
        tuple[Literal["cellular", "ethernet", "wifi"], ...],
        Meta(max_length=3, description='an order of "cellular", "ethernet" and "wifi"'),
    ] = ()
    budget_mb: Annotated[
        int, Meta(ge=0, le=1_000_000, description="megabytes a month, 0 for no budget")
    ] = 0


class ControlSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the hub is asked and told on its own machine: by its commands and its page."""

    socket: Annotated[
        str,
        Meta(pattern="^/[^\0]+$", description="a path from / on in quotes, of at most 107 bytes"),
    ] = "/run/vitalpost/control.sock"
    group: Annotated[
        str,
        Meta(max_length=32, description="a group of this machine in quotes; left out: the hub's"),
    ] = ""


class DeviceSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One enrolled device: maker, model and serial, or an id where it has no serial of its own."""

    name: Text
    driver: Text
    address: Annotated[
        str,
        Meta(
            pattern="^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$",
            description='an address such as "F0:12:34:56:78:9A"',
        ),
    ] = ""
    port: Annotated[
        str,
        Meta(
            pattern="^/.{1,200}$",
            description='a path such as "/dev/serial/by-id/usb-…", for a serial device',
        ),
    ] = ""
    usb: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{4}:[0-9a-f]{4}$",
            description='vendor and product of a USB cable, such as "0403:6001"',
        ),
    ] = ""
    usb_serial: Annotated[
        str, Meta(min_length=1, max_length=128, description="the USB cable's serial in quotes")
    ] = ""
    maker: Annotated[str, Meta(max_length=64, description="a text in quotes")] = ""
    model: Annotated[str, Meta(max_length=64, description="a text in quotes")] = ""
    serial: Annotated[str, Meta(max_length=64, description="a text in quotes")] = ""
    id: Annotated[
        str, Meta(pattern="^([0-9a-f]{32})?$", description="32 of 0-9 and a-f in quotes")
    ] = ""
    bond: Annotated[bool, Meta(description="true or false")] = False
    history: Annotated[
        Literal["new", "all"],
        Meta(description='"all", or "new" without what came before it'),
    ] = "all"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of gateway.toml."""

    hub: HubSettings
    broker: BrokerSettings
    outbox: OutboxSettings = OutboxSettings()
    radio: RadioSettings = RadioSettings()
    clock: ClockSettings = ClockSettings()
    network: NetworkSettings = NetworkSettings()
    control: ControlSettings = ControlSettings()
    devices: tuple[DeviceSettings, ...] = ()

    @property
    def site_zone(self) -> ZoneInfo:
        """The time zone of the home."""
        return ZoneInfo(self.hub.site_zone)

    @property
    def credentials(self) -> Path:
        """The folder with the hub's keys and certificates."""
        given = self.hub.credentials or os.environ.get("CREDENTIALS_DIRECTORY")
        return Path(given or DEFAULT_CREDENTIALS)
