"""Everything a driver may import, ours or a third party's; docs/drivers.md shows how.

A driver describes itself (`DriverInfo`) and turns a lent link into items by one async generator,
`session`. Each `yield` comes back when the gateway has done with the item what its kind asks for:
a `Reading`, a `Series` and a `ClockRead` are on flash by then, so a step that destroys evidence
(deleting a record, setting a clock) belongs after the `yield`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol

from drivers.errors import DecodeError, LinkError
from drivers.metrics import Metric, Unit
from drivers.reader import Reader, Special

__all__ = [
    "RX",
    "Battery",
    "Bookmark",
    "Channel",
    "Chunk",
    "ClockRead",
    "ClockSet",
    "DecodeError",
    "DeviceEvent",
    "DeviceInformation",
    "Driver",
    "DriverInfo",
    "Frame",
    "GattLink",
    "Item",
    "Line",
    "LinkError",
    "Metric",
    "Observation",
    "Origin",
    "Reader",
    "Reading",
    "Run",
    "SerialLink",
    "Series",
    "Special",
    "Undecodable",
    "Unit",
]

RX = "rx"
"""The source of a frame that came over a serial line."""


class Origin(StrEnum):
    """Whether the device sent a reading as it measured it."""

    UNKNOWN = "unknown"
    LIVE = "live"
    STORED = "stored"


class Frame(NamedTuple):
    """Bytes as they came, and what sent them: `2A35`, a UUID in lower case, or `RX`."""

    source: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Observation:
    """One metric with the value exactly as sent and its unit; `repr` shows no value.

    A code or a unit that no enum lists is kept as it came: the MDC code (with its partition, as
    Metric has them) and the text.
    """

    metric: Metric | int
    value: Decimal = field(repr=False)
    unit: Unit | str


@dataclass(frozen=True, slots=True)
class Reading:
    """One act of measuring.

    `raw[0]` is the measurement frame: it names the reading. `device_time` is the device's own
    clock, naive, and None where the frame has none or the device says it was never set.
    `failed` marks a measurement that the device itself reports as failed. `attributes` holds
    what is not a measurement: `user_id`, and under `special` the metrics whose value is
    a special (NaN, NRes, +INF, -INF, RFU) instead of a number.
    """

    observations: tuple[Observation, ...] = field(repr=False)
    raw: tuple[Frame, ...] = field(repr=False)
    device_time: datetime | None = field(default=None, repr=False)
    record_number: int | None = None
    status: tuple[str, ...] = field(default=(), repr=False)
    origin: Origin = Origin.UNKNOWN
    failed: bool = False
    attributes: Mapping[str, int | str | Mapping[str, str]] = field(
        default_factory=dict, repr=False
    )


class Run(NamedTuple):
    """A value that came `length` times in a row; None where the frames say that there is none."""

    value: Decimal | None
    length: int

    def __repr__(self) -> str:
        return f"Run(length={self.length})"


@dataclass(frozen=True, slots=True)
class Channel:
    """One metric of a stretch, value for value as sent: nothing averaged, filtered or left out."""

    metric: Metric
    unit: Unit
    runs: tuple[Run, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Series:
    """A stretch of a stream: `count` frames, even in time, `rate` of them a second.

    `raw` holds the frames one behind the other. Of each channel and each attribute the lengths of
    the runs add up to `count`; attributes are what is no measurement, a flag as 0 and 1.
    `began_ms` and `ended_ms` are when the first and the last frame came: `Chunk.at_ms`, or what
    `GattLink.heard_ms` says; it was measured then only where `origin` is live. `failed` marks a
    stretch in which nothing was measured: it is counted and not recorded.
    """

    channels: tuple[Channel, ...] = field(repr=False)
    raw: Frame = field(repr=False)
    count: int
    rate: Decimal
    began_ms: int
    ended_ms: int
    attributes: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict, repr=False)
    failed: bool = False
    origin: Origin = Origin.LIVE


@dataclass(frozen=True, slots=True)
class ClockRead:
    """The device's clock as read; None where the device says that it was never set."""

    device_time: datetime | None
    raw: Frame


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The device's clock was written: from here on it counts from `device_time`."""

    device_time: datetime
    raw: Frame


@dataclass(frozen=True, slots=True)
class Battery:
    """State of charge in percent, 0 to 100."""

    percent: int
    raw: Frame


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """What the device says of itself (service 0x180A); empty strings where it is silent."""

    maker: str = ""
    model: str = ""
    serial: str = field(default="", repr=False)
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Frames that the driver could not read. They travel as they came and can be decoded later."""

    error: DecodeError
    raw: tuple[Frame, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """What the device tells that is no measurement of the patient, and never a day.

    `name` is a word such as "control-solution", "jammed" or "refilled"; `raw[0]` is the frame that
    tells it.
    """

    name: str
    raw: tuple[Frame, ...] = field(repr=False)
    device_time: datetime | None = field(default=None, repr=False)
    facts: Mapping[str, int | str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a device's memory has been fetched, in the driver's own words.

    Yield it after the readings that it covers: the next session's link lends it. The gateway keeps
    it on flash, so it holds a number or a count, and nothing of a patient.
    """

    value: str


Item = (
    Reading
    | Series
    | ClockRead
    | ClockSet
    | Battery
    | DeviceInformation
    | DeviceEvent
    | Bookmark
    | Undecodable
)


class GattLink(Protocol):
    """A connected BLE device, lent to a driver for one session. Operations are serialised."""

    @property
    def name(self) -> str:
        """The name the device advertises, for quirks; the enrolled one only if it has none."""

    @property
    def bookmark(self) -> str:
        """The last `Bookmark` that the driver left; empty on first contact."""

    def offers(self, characteristic: str) -> bool:
        """Whether the device has the characteristic; short ("2A35") or full UUID."""

    async def read(self, characteristic: str) -> bytes:
        """The characteristic's value. Raises LinkError."""

    async def write(self, characteristic: str, value: bytes) -> None:
        """Write with response. Raises LinkError."""

    def subscribe(self, *characteristics: str) -> AsyncIterator[Frame]:
        """Frames indicated or notified from this call on, until the device leaves or falls silent.

        A bonded device may send as soon as it is connected, and the stack confirms what nobody
        listens to: drivers call this first and iterate once they are ready.
        """

    def heard_ms(self, characteristic: str) -> int:
        """When its frame came that was handed on last: BOOTTIME of the hub in ms, for a Series."""

    def local_time(self) -> datetime | None:
        """Naive time at the hub's site, to set a clock by; None while the hub's is not trusted."""


class Chunk(NamedTuple):
    """Bytes of a serial line as they came, cut anywhere, and when: BOOTTIME of the hub in ms.

    An empty one tells that the line has fallen silent.
    """

    data: bytes
    at_ms: int

    def __repr__(self) -> str:
        return f"Chunk({len(self.data)} bytes)"


class SerialLink(Protocol):
    """An open serial port, lent to a driver for one session."""

    @property
    def name(self) -> str:
        """The device's name in the settings."""

    @property
    def bookmark(self) -> str:
        """The last `Bookmark` that the driver left; empty on first contact."""

    def receive(self) -> AsyncIterator[Chunk]:
        """Bytes as they come, until the device is unplugged.

        Raises LinkError where more comes than the line can carry.
        """

    async def write(self, command: bytes) -> None:
        """Send what begins as one of the driver's `commands`. Raises LinkError."""

    def local_time(self) -> datetime | None:
        """Naive time at the hub's site, to set a clock by; None while the hub's is not trusted."""


class Line(NamedTuple):
    """How a serial line is set: parity "N", "E" or "O"; whether the device needs DTR and RTS."""

    baud: int
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    dtr: bool = True
    rts: bool = True


@dataclass(frozen=True, slots=True)
class DriverInfo:
    """What a driver is for.

    Over "ble" `match` are advertised service UUIDs, `names` prefixes of the advertised name, the
    first of `characteristics` is the one that measures, and `writes` is the allow-list of those the
    driver may write. Over "serial" there is a `line`, and `commands` is the allow-list of what the
    driver may write: how each command begins, at least one byte. `devices` says in words what it is
    for. `any_metric` marks a driver whose devices name their metrics themselves.
    """

    id: str
    version: str
    transport: str
    match: tuple[str, ...]
    metrics: tuple[Metric, ...]
    characteristics: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    line: Line | None = None
    commands: tuple[bytes, ...] = ()
    devices: tuple[str, ...] = ()
    any_metric: bool = False


class Driver(Protocol):
    """The shape of a driver; nothing inherits from it."""

    info: ClassVar[DriverInfo]

    def session(self, link: Any) -> AsyncIterator[Item]:
        """Items in the order the device gives them; ends when the device has no more.

        The link is a GattLink or a SerialLink, as `info.transport` says.
        """
