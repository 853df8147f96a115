"""Item to record: what a driver yields, with which device it came from and what the clocks said."""

from __future__ import annotations

from datetime import datetime

from drivers.spi import (
    Battery,
    ClockRead,
    ClockSet,
    DeviceInformation,
    Frame,
    Item,
    Origin,
    Reading,
    Undecodable,
)
from gateway.devices import Device
from gateway.drafts import DeviceFacts, Draft, Place
from gateway.errors import DeviceMismatch
from gateway.links import Link
from gateway.recorder import Recorder
from uplink.errors import WireError
from uplink.fields import Attributes
from uplink.journal import Journal, Step
from uplink.records import EventRecord, ObservationFact, ReadingRecord

CLOCK_EVENTS = ("clock-read", "clock-set")  # what was asked of a clock has two instants
ORIGINS = {Origin.UNKNOWN: 0, Origin.LIVE: 1, Origin.STORED: 2}


class Pipeline:
    """The items of one session on their way to the recorder.

    Readings, clock reads and undecodable frames are on flash when `take` returns. The rest, which
    is no evidence by itself, waits for the next of them or for `finish`: each commit wears flash.
    """

    def __init__(self, device: Device, link: Link, recorder: Recorder, journal: Journal) -> None:
        self.readings = 0
        self._device = device
        self._link = link
        self._recorder = recorder
        self._journal = journal
        self._held: list[Draft] = []
        self._battery = device.battery
        self._has_news = False

    async def take(self, item: Item) -> None:
        """Record the item. Raises DeviceMismatch, OutboxFull, or what broke the outbox."""
        match item:
            case Reading():
                self._journal(Step("captured"))
                await self._take_reading(item)
            case ClockRead(device_time, raw):
                await self._commit(self._draft_event("clock-read", (raw,), {}, device_time))
            case ClockSet(device_time, raw):
                self._held.append(self._draft_event("clock-set", (raw,), {}, device_time))
            case Battery(percent, raw):
                if percent != self._battery:
                    self._battery = percent
                    self._held.append(self._draft_event("battery", (raw,), {"percent": percent}))
            case DeviceInformation():
                self._recognise(item)
            case Undecodable(error, raw):
                facts: Attributes = {"what": error.what, "at": error.at}
                await self._commit(self._draft_event("frame-undecodable", raw, facts))

    async def finish(self) -> None:
        """Record what still waits."""
        if self._held or self._has_news:
            await self._commit()

    async def _take_reading(self, reading: Reading) -> None:
        if reading.failed:
            draft = self._draft_event(
                "measurement-failed", reading.raw, reading.attributes, reading.device_time
            )
        else:
            draft = self._draft_reading(reading)
        try:
            await self._commit(draft)
        except WireError as error:
            # A driver made of it what no record can hold; the evidence must not go with it.
            facts = {"what": error.what}
            await self._commit(self._draft_event("frame-undecodable", reading.raw, facts))
        self.readings += 1
        self._device.reading_at = self._link.exchange(reading.raw[0].source).answered

    def _recognise(self, information: DeviceInformation) -> None:
        enrolled, said = self._device.serial, information.serial
        if enrolled and said and enrolled != said:
            self._held.clear()
            raise DeviceMismatch(self._device.name)
        self._has_news = information != self._device.information
        self._device.information = information

    async def _commit(self, *drafts: Draft) -> None:
        said = self._device.information
        info = self._device.driver.info
        facts = DeviceFacts(
            driver=info.id,
            driver_version=info.version,
            identity=self._device.identity,
            transport=info.transport,
            name=self._link.name,
            maker=said.maker,
            model=said.model,
            serial=said.serial,
            firmware=said.firmware,
        )
        await self._recorder.record([*self._held, *drafts], facts)
        self._held.clear()
        self._has_news = False
        self._device.battery = self._battery

    def _draft_reading(self, reading: Reading) -> Draft:
        at = self._link.exchange(reading.raw[0].source).answered
        security = self._link.security

        def draft(place: Place) -> ReadingRecord:
            return ReadingRecord(
                place.stamp(at),
                place.device,
                raw=tuple(reading.raw),
                observations=tuple(
                    ObservationFact(int(seen.metric), seen.value, str(seen.unit))
                    for seen in reading.observations
                ),
                device_time=reading.device_time,
                record_number=reading.record_number,
                origin=ORIGINS[reading.origin],
                link=security,
                status=tuple(reading.status),
                attributes=reading.attributes,
            )

        return draft

    def _draft_event(
        self,
        name: str,
        raw: tuple[Frame, ...],
        facts: Attributes,
        device_time: datetime | None = None,
    ) -> Draft:
        asked, answered = self._link.exchange(raw[0].source)
        was_asked = name in CLOCK_EVENTS

        def draft(place: Place) -> EventRecord:
            return EventRecord(
                place.stamp(answered),
                name,
                place.device,
                raw=tuple(raw),
                facts=facts,
                device_time=device_time,
                asked_ms=place.since_ms(asked) if was_asked else None,
            )

        return draft
