"""A test reading: measured, at the gateway, at the office; one step after the other is shown."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from drivers.metrics import name_of
from drivers.spi import Reading, Series
from gateway.clock import Clock, Moment, read_moment
from gateway.devices import Device
from gateway.drafts import RecordName

CLOCK_LIMIT = timedelta(minutes=2)


class DeviceTest:
    """Stands beside a device until it has brought a reading; the last of those at once counts.

    What was measured is held here, for as long as the technician looks at it, and nowhere else.
    """

    def __init__(self, device: Device, clock: Clock) -> None:
        self.has_come = asyncio.Event()
        self.name: RecordName | None = None
        self.office_at_ms: int | None = None
        self.is_clock_wrong = False
        self._device = device
        self._clock = clock
        self._measured: Reading | Series | None = None
        self._at: Moment | None = None
        device.watch = self

    def end(self) -> None:
        """Look no longer."""
        if self._device.watch is self:
            self._device.watch = None

    def note_reading(self, measured: Reading | Series, name: RecordName) -> None:
        """A measurement is on flash."""
        self._measured, self.name, self._at = measured, name, read_moment(self._clock)
        self.has_come.set()

    def note_clock(self, device_time: datetime | None, site_time: datetime | None) -> None:
        """The device's clock was read."""
        if site_time is not None:
            off = None if device_time is None else abs(site_time - device_time)
            self.is_clock_wrong |= off is None or off > CLOCK_LIMIT

    def describe(self) -> dict[str, Any]:
        """The three steps, and the numbers to compare with the device's display."""
        at = self._at and self._at.utc_ms
        name = self.name
        return {
            "steps": {"measured": bool(at), "gateway_ms": at, "office_ms": self.office_at_ms},
            "values": self._values(),
            "record": f"{name.kid.hex()[:6]}-{name.sequence}" if name else None,
        }

    def _values(self) -> list[list[str]]:
        if isinstance(self._measured, Reading):
            return [
                [name_of(seen.metric), format(seen.value, "f"), str(seen.unit)]
                for seen in self._measured.observations
            ]
        if isinstance(self._measured, Series):
            last = ((of, of.runs[-1].value) for of in self._measured.channels if of.runs)
            return [
                [name_of(of.metric), format(value, "f"), str(of.unit)]
                for of, value in last
                if value is not None
            ]
        return []
