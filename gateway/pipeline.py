"""Item to record: what a driver yields, with which device it came from and what the clocks said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from drivers.spi import (
    Battery,
    Bookmark,
    ClockRead,
    ClockSet,
    DeviceEvent,
    DeviceInformation,
    Frame,
    Item,
    Origin,
    Reading,
    Series,
    Undecodable,
)
from gateway.clock import Moment
from gateway.devices import BondNews, Device
from gateway.drafts import DeviceFacts, Draft, Place, RecordName
from gateway.errors import DeviceMismatch
from gateway.first_contact import ClockSeen, predates
from gateway.link import Link
from gateway.recorder import Recorder
from uplink.errors import WireError
from uplink.fields import Attributes
from uplink.journal import Journal, Step
from uplink.records import (
    ChannelFact,
    EventRecord,
    ObservationFact,
    ReadingRecord,
    SeriesRecord,
)

CLOCK_EVENTS = ("clock-read", "clock-set")  # what was asked of a clock has two instants
EVENT_BYTES = 16 * 1024  # of frames that no other record holds; an event has room to spare
ORIGINS = {Origin.UNKNOWN: 0, Origin.LIVE: 1, Origin.STORED: 2}


class Pipeline:
    """The items of one session on their way to the recorder.

    Readings, series, clock reads and undecodable frames are on flash when `take` returns. The rest,
    which is no evidence by itself, waits for the next of them or for `finish`: each commit wears
    flash. A series without a value is no measurement: it is counted in `empty`.
    """

    def __init__(self, device: Device, link: Link, recorder: Recorder, journal: Journal) -> None:
        self.readings = 0
        self.empty = 0
        self._device = device
        self._link = link
        self._recorder = recorder
        self._journal = journal
        self._held: list[Draft] = []
        self._battery = device.battery
        self._clock: ClockSeen | None = None
        self._shown_at: tuple[datetime | None, Moment] | None = None
        self._has_news = False

    async def take(self, item: Item) -> None:
        """Record the item. Raises DeviceMismatch, OutboxFull, or what broke the outbox."""
        match item:
            case Reading() if self._is_former(item):
                self._device.left_out += 1
                self._hear(item.raw[0])
            case Reading():
                self._journal(Step("captured"))
                await self._take_reading(item)
            case Series(failed=True):
                self.empty += 1
                self._hear(item.raw)
            case Series():
                self._journal(Step("captured"))
                await self._keep(item, self._draft_series(item), (item.raw,))
            case ClockRead(device_time, raw):
                self._note_clock(device_time, raw)
                await self._commit(self._draft_event("clock-read", (raw,), {}, device_time))
            case DeviceEvent(name, raw, device_time, told):
                facts: Attributes = {**told, "what": name}
                await self._commit(self._draft_event("device-event", raw, facts, device_time))
            case Undecodable(error, raw):
                facts = {"what": error.what, "at": error.at}
                await self._commit(self._draft_event("frame-undecodable", raw, facts))
            case _:
                self._note(item)

    def _note(self, item: ClockSet | Battery | DeviceInformation | Bookmark) -> None:
        """What is no evidence by itself."""
        match item:
            case ClockSet(device_time, raw):
                self._held.append(self._draft_event("clock-set", (raw,), {}, device_time))
            case Battery(percent, raw):
                if percent != self._battery:
                    self._battery = percent
                    self._held.append(self._draft_event("battery", (raw,), {"percent": percent}))
            case DeviceInformation():
                self._recognise(item)
            case Bookmark(value):
                self._device.bookmark = value

    def conclude(self) -> None:
        """The session is complete: the device is met, and what was left out of it is told."""
        device = self._device
        device.is_met = True
        if device.left_out and device.heard_at:
            facts = {"count": device.left_out}
            self._held.append(draft_fact("history-left", facts, device.heard_at))
            device.left_out = 0

    async def finish(self) -> None:
        """Record what still waits; then what is fetched may be remembered as fetched."""
        if self._held or self._has_news:
            await self._commit()
        await self._device.remember(self._device)

    def _note_clock(self, device_time: datetime | None, raw: Frame) -> None:
        watch = self._device.watch
        self._shown_at = device_time, self._link.exchange(raw.source).answered
        if self._device.is_met and not watch:
            return
        self._clock = ClockSeen(device_time, self._link.local_time())
        if watch:
            watch.note_clock(*self._clock)

    def _read_clock(self, frame: Frame) -> datetime | None:
        """What the device's clock would have shown as the frame came, had nobody set it since."""
        shown, at = self._shown_at or (None, None)
        if shown is None or at is None:
            return None
        came = self._link.exchange(frame.source).answered
        return shown + timedelta(milliseconds=came.boottime_ms - at.boottime_ms)

    def _is_former(self, reading: Reading) -> bool:
        """Whether it was stored before the device was this home's."""
        device = self._device
        if device.is_met or device.since is None or reading.origin is Origin.LIVE:
            return False
        now = self._link.exchange(reading.raw[0].source).answered
        enrolled = device.since.site_time(now, self._link.local_time())
        return predates(reading.device_time, enrolled, self._clock)

    async def _take_reading(self, reading: Reading) -> None:
        if reading.failed:
            draft = self._draft_event(
                "measurement-failed", reading.raw, reading.attributes, reading.device_time
            )
        else:
            draft = self._draft_reading(reading)
        await self._keep(reading, draft, reading.raw)

    async def _keep(self, measured: Reading | Series, draft: Draft, raw: tuple[Frame, ...]) -> None:
        try:
            name = await self._commit(draft)
            if name and not measured.failed:
                self._device.show_reading(self._device, measured, name, self._read_clock(raw[0]))
                if self._device.watch:
                    self._device.watch.note_reading(measured, name)
        except WireError as error:
            # A driver made of it what no record can hold; the evidence must not go with it.
            facts = {"what": error.what}
            for part in _fit(raw):
                await self._commit(self._draft_event("frame-undecodable", part, facts))
        self.readings += 1
        self._device.reading_at = self._hear(raw[0])

    def _hear(self, frame: Frame) -> Moment:
        self._device.heard_at = heard_at = self._link.exchange(frame.source).answered
        return heard_at

    def _recognise(self, information: DeviceInformation) -> None:
        enrolled, said = self._device.serial, information.serial
        if enrolled and said and enrolled != said:
            self._held.clear()
            raise DeviceMismatch(self._device.name)
        self._has_news = information != self._device.information
        self._device.information = information

    async def _commit(self, *drafts: Draft) -> RecordName | None:
        facts = describe(self._device, self._link.name)
        name = await self._recorder.record([*self._held, *drafts], facts)
        self._held.clear()
        self._has_news = False
        self._device.battery = self._battery
        return name

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

    def _draft_series(self, series: Series) -> Draft:
        # The link has stamped what came last; UTC is told as it was believed then.
        last = self._link.exchange(series.raw.source).answered
        ago_ms = last.boottime_ms - series.began_ms
        began = last._replace(boottime_ms=series.began_ms, utc_ms=last.utc_ms - ago_ms)
        security = self._link.security

        def draft(place: Place) -> SeriesRecord:
            return SeriesRecord(
                place.stamp(began),
                place.device,
                raw=(series.raw.source, series.raw.data),
                channels=tuple(
                    ChannelFact(int(of.metric), str(of.unit), of.runs) for of in series.channels
                ),
                count=series.count,
                rate=series.rate,
                duration_ms=max(0, series.ended_ms - series.began_ms),
                origin=ORIGINS[series.origin],
                link=security,
                attributes=series.attributes,
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


def draft_fact(name: str, facts: Attributes, at: Moment) -> Draft:
    """An event of a device that no frame tells."""
    return lambda place: EventRecord(place.stamp(at), name, place.device, facts=facts)


def describe(device: Device, name: str) -> DeviceFacts:
    """The device as it is known now; `name` is what it calls itself."""
    said, info = device.information, device.driver.info
    return DeviceFacts(
        driver=info.id,
        driver_version=info.version,
        identity=device.identity,
        transport=info.transport,
        name=name,
        maker=said.maker,
        model=said.model,
        serial=said.serial,
        firmware=said.firmware,
    )


def draft_bond(news: BondNews) -> Draft:
    """The event of a bond that was made or lost."""
    facts: Attributes = {"reason": news.reason} if news.reason else {}

    def draft(place: Place) -> EventRecord:
        return EventRecord(place.stamp(news.at), news.event, place.device, facts=facts)

    return draft


def _fit(raw: tuple[Frame, ...]) -> Iterator[tuple[Frame, ...]]:
    """The frames, in as many events as hold them."""
    if sum(len(frame.data) for frame in raw) <= EVENT_BYTES:
        yield raw
        return
    for source, data in raw:
        for at in range(0, len(data), EVENT_BYTES):
            yield (Frame(source, data[at : at + EVENT_BYTES]),)
