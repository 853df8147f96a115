"""Body Composition Measurement (0x2A9C): what a scale makes of a body, in one packet or two.

Source: GATT Specification Supplement; Body Composition Service 1.0
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import NamedTuple

from drivers.quirks import origin_of
from drivers.reader import Reader
from drivers.scale_weight import HEIGHT, LENGTH, MASS, UNSUCCESSFUL, WEIGHT, observe
from drivers.spi import Frame, Metric, Observation, Reading, Unit

MEASUREMENT = "2A9C"
FAT = Metric.MDC_BODY_FAT
RESERVED_FLAGS = 0xE000
TENTH = Decimal("0.1")


class Flag(IntFlag):
    """What a 0x2A9C value holds, its fields apart."""

    IMPERIAL = 1
    TIME_STAMP = 2
    USER_ID = 4
    MULTIPLE_PACKET = 0x1000


class Field(NamedTuple):
    """A field with its flag, in SI and in imperial units."""

    flag: int
    metric: Metric
    units: dict[bool, tuple[Unit, Decimal]]


def _either(unit: Unit, resolution: Decimal) -> dict[bool, tuple[Unit, Decimal]]:
    return dict.fromkeys((False, True), (unit, resolution))


FIELDS = (
    Field(0x0008, Metric.MDC_BASAL_METABOLISM, _either(Unit.KILOJOULE, Decimal(1))),
    Field(0x0010, Metric.MDC_BODY_MUSCLE, _either(Unit.PERCENT, TENTH)),
    Field(0x0020, Metric.MDC_MASS_BODY_MUSCLE, MASS),
    Field(0x0040, Metric.MDC_MASS_BODY_FAT_FREE, MASS),
    Field(0x0080, Metric.MDC_MASS_BODY_SOFT_LEAN, MASS),
    Field(0x0100, Metric.MDC_BODY_WATER, MASS),
    Field(0x0200, Metric.MDC_BODY_ELECTRICAL_IMPEDANCE, _either(Unit.OHM, TENTH)),
    Field(0x0400, WEIGHT, MASS),
    Field(0x0800, HEIGHT, LENGTH),
)
"""In the order in which they are sent."""


class Packet(NamedTuple):
    """What one indication says, or two together."""

    flags: int
    seen: dict[int, Observation]
    device_time: datetime | None
    user_id: int | None
    raw: tuple[Frame, ...]

    @property
    def is_part(self) -> bool:
        """Whether another packet belongs to it."""
        return bool(self.flags & Flag.MULTIPLE_PACKET)

    def continues(self, first: Packet) -> bool:
        """Whether this is the other packet: it says more, and what both say is the same."""
        shared = self.seen.keys() & first.seen.keys()
        return (
            self.is_part
            and shared < self.seen.keys()
            and all(first.seen[metric] == self.seen[metric] for metric in shared)
            and self.user_id in {None, first.user_id}
            and self.device_time in {None, first.device_time}
        )

    def joined(self, other: Packet) -> Packet:
        """Both as one."""
        return self._replace(
            flags=self.flags | other.flags,
            seen={**self.seen, **other.seen},
            raw=(*self.raw, *other.raw),
        )

    def reading(self, name: str) -> Reading:
        """What it says, in the order in which a device that advertises `name` has sent it."""
        is_alone = self.is_part and len(self.raw) == 1
        attributes = {"user_id": self.user_id, "unknown_flags": self.flags & RESERVED_FLAGS or None}
        return Reading(
            observations=tuple(self.seen.values()),
            raw=self.raw,
            device_time=self.device_time,
            status=("other_packet_missing",) if is_alone else (),
            origin=origin_of(name, has_time=bool(self.flags & Flag.TIME_STAMP)),
            failed=FAT not in self.seen,
            attributes={key: value for key, value in attributes.items() if value is not None},
        )


def decode_packet(frame: bytes) -> Packet:
    """What one 0x2A9C indication says; every value is the integer sent times its resolution.

    A body fat of 0xFFFF is what the scale sends for a measurement that was not successful.
    """
    reader = Reader(frame)
    flags = reader.uint(2)
    fat = reader.uint(2)
    device_time = reader.date_time() if flags & Flag.TIME_STAMP else None
    user_id = reader.uint(1) if flags & Flag.USER_ID else None
    seen = [] if fat == UNSUCCESSFUL else [observe(FAT, fat, Unit.PERCENT, TENTH)]
    is_imperial = bool(flags & Flag.IMPERIAL)
    for flag, metric, units in FIELDS:
        if flags & flag:
            seen.append(observe(metric, reader.uint(2), *units[is_imperial]))
    reader.end()
    by_metric: dict[int, Observation] = {observation.metric: observation for observation in seen}
    return Packet(flags, by_metric, device_time, user_id, (Frame(MEASUREMENT, frame),))
