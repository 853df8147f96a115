"""Records on their way to flash: epochs, sequences, anchors. Knows no driver and no link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from gateway.clock import Clock, Moment, read_moment
from gateway.drafts import DeviceFacts, Draft, Place, RecordName
from uplink.errors import OutboxFull
from uplink.journal import Journal, Step, keep_no_journal
from uplink.outbox import Outbox
from uplink.records import ClockRecord, DeviceRecord, EpochStart, Record, encode
from uplink.seal import Epoch
from uplink.statements import Ending, Previous
from uplink.witness import Witness

DAY_MS = 24 * 60 * 60 * 1000
HOUR_MS = 60 * 60 * 1000
STEP_MS = 500
LEAD_MS = 60_000  # an epoch begins before its first record: other links' frames may be older

OpenEpoch = Callable[[EpochStart, Previous | None], tuple[Epoch, bytes]]


class Recorder:
    """Seals records and commits them; owns the epoch and says when an anchor is due.

    It signs how far each epoch goes: hourly while records come, when it ends, and for one that an
    earlier process left open, when it is found whole. Anchors tell UTC by `best`, records by the
    clock.
    """

    def __init__(  # noqa: PLR0913  one for each thing it is lent
        self,
        outbox: Outbox,
        clock: Clock,
        open_epoch: OpenEpoch,
        witness: Witness,
        *,
        software: str,
        journal: Journal = keep_no_journal,
        on_commit: Callable[[], None] = lambda: None,
        best: Callable[[Moment], Moment] = lambda moment: moment,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open_epoch = open_epoch
        self._witness = witness
        self._software = software
        self._journal = journal
        self._on_commit = on_commit
        self._best = best
        self._boot = clock.boot_id()
        self._lock = asyncio.Lock()
        self._epoch: Epoch | None = None
        self._devices: dict[DeviceFacts, int] = {}
        self._unstored: list[tuple[int, bytes]] = []
        self._failure: BaseException | None = None
        self._is_anchored = False
        self._first_cause = "start"
        self._is_recovered = False
        self._checked_sequence = 0
        self._checked_boottime_ms = 0
        # What an earlier process wrote in this boot may need an anchor as well.
        self._last = read_moment(clock) if outbox.previous() else None
        self._last_quality = 0

    @property
    def has_failed(self) -> bool:
        """Whether storage failed: from then on nothing may be acknowledged, only restarted."""
        return self._failure is not None

    async def check_room(self) -> None:
        """Raise OutboxFull where a reading could not be kept."""
        with self._storing():
            await self._outbox.room()

    async def record(
        self, drafts: Sequence[Draft], facts: DeviceFacts | None = None
    ) -> RecordName | None:
        """Commit the records in one transaction; they are on flash when it returns.

        The name of the last one comes back, None where there was none.
        Raises OutboxFull and WireError with nothing written. After any other error `has_failed`.
        """
        # Whoever waits may be cancelled; a sequence that was sealed must still be committed.
        work = asyncio.create_task(self._record(drafts, facts))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(work)

    async def anchor(self) -> None:
        """Write the anchor that is due, if one is; end an epoch that is a day old, or check it."""
        now = read_moment(self._clock)
        async with self._lock:
            await self._recover()
        if self._notice(now):
            await self.record(())
        elif self._is_over(now):
            await self._finish("daily")
        else:
            await self._check_hourly(now)

    async def close(self) -> None:
        """Write the last anchor and close the epoch cleanly."""
        await self._finish("stop")

    async def _record(
        self, drafts: Sequence[Draft], facts: DeviceFacts | None
    ) -> RecordName | None:
        async with self._lock:
            now = read_moment(self._clock)
            await self._store()
            epoch = await self._find_epoch(now)
            place = Place(epoch.start, self._devices.get(facts, 0) if facts else 0)
            records: list[Record] = []
            cause = self._notice(now) if self._is_anchored else self._first_cause
            if cause:
                records.append(ClockRecord(place.stamp(self._best(now)), cause))
            if facts and not place.device:
                place = Place(epoch.start, len(self._devices) + 1)
                # Twice: readings that refer to a device record that is lost wait unjudged.
                records += 2 * [DeviceRecord(place.stamp(now), place.device, *facts)]
            records += [draft(place) for draft in drafts]
            if not records:
                return None
            self._seal(epoch, records, now)
            name = RecordName(epoch.kid, self._unstored[-1][0])
            if facts:
                self._devices[facts] = place.device
            self._first_cause = "daily"
            await self._store(reserved=not drafts)
            return name

    def _seal(self, epoch: Epoch, records: Sequence[Record], now: Moment) -> None:
        plaintexts = [encode(record, epoch.start) for record in records]
        self._unstored = [epoch.seal(plaintext) for plaintext in plaintexts]
        self._is_anchored = True
        self._last, self._last_quality = now, self._best(now).quality
        sealed = (self._unstored[0][0], self._unstored[-1][0])
        self._journal(Step("sealed", {epoch.kid: [sealed]}))

    async def _store(self, *, reserved: bool = False) -> None:
        """Insert what is sealed: after a full outbox the same bytes, never others of that name."""
        if self._unstored and self._epoch:
            with self._storing():
                await self._outbox.append(self._epoch.kid, self._unstored, reserved=reserved)
            self._on_commit()
        self._unstored = []

    async def _find_epoch(self, now: Moment) -> Epoch:
        if self._epoch and not self._is_over(now):
            return self._epoch
        await self._recover()
        with self._storing():
            await self._outbox.room()
            await self._end_epoch()
            lead_ms = min(LEAD_MS, now.boottime_ms, now.utc_ms)
            start = EpochStart(
                self._boot,
                now.boottime_ms - lead_ms,
                now.utc_ms - lead_ms,
                now.quality,
                self._software,
            )
            epoch, key_record = self._open_epoch(start, self._outbox.previous())
            await self._outbox.begin_epoch(epoch.kid, key_record)
        self._epoch, self._devices, self._is_anchored = epoch, {}, False
        self._checked_sequence, self._checked_boottime_ms = 0, now.boottime_ms
        return epoch

    async def _finish(self, cause: str) -> None:
        async with self._lock:
            if self._epoch is None or self.has_failed:
                return
            now = read_moment(self._clock)
            with suppress(OutboxFull):
                await self._store()
                stamp = Place(self._epoch.start).stamp(self._best(now))
                self._seal(self._epoch, [ClockRecord(stamp, cause)], now)
                await self._store(reserved=True)
            with self._storing():
                await self._end_epoch()

    async def _end_epoch(self) -> None:
        if self._epoch:
            epoch, self._epoch, self._unstored = self._epoch, None, []
            reach = await self._outbox.reach(epoch.kid)
            checkpoint = self._witness.check(reach, Ending.CLOSED)
            await self._outbox.end_epoch(epoch.kid, checkpoint)
            self._on_commit()

    async def _recover(self) -> None:
        """State the end of each epoch that was left open, where nothing of it can be missing."""
        if self._is_recovered:
            return
        with self._storing():
            for reach in await self._outbox.unclosed():
                checkpoint = self._witness.check(reach, Ending.RECOVERED)
                await self._outbox.end_epoch(reach.kid, checkpoint, Ending.RECOVERED)
                self._on_commit()
        self._is_recovered = True

    async def _check_hourly(self, now: Moment) -> None:
        async with self._lock:
            if self._epoch is None or now.boottime_ms - self._checked_boottime_ms < HOUR_MS:
                return
            with self._storing():
                reach = await self._outbox.reach(self._epoch.kid)
                if reach.last_sequence > self._checked_sequence:
                    checkpoint = self._witness.check(reach, Ending.OPEN)
                    await self._outbox.offer_checkpoint(reach.kid, checkpoint)
                    self._checked_sequence = reach.last_sequence
                    self._checked_boottime_ms = now.boottime_ms
                    self._on_commit()

    def _is_over(self, now: Moment) -> bool:
        epoch = self._epoch
        return bool(epoch and now.boottime_ms - epoch.start.boottime_ms >= DAY_MS)

    def _notice(self, now: Moment) -> str | None:
        """Whether the clock has become another since the last record, which an anchor must say."""
        if self._last is None:
            return None
        if now.quality and not self._last.quality:
            return "sync"
        told = 0 if now.quality else self._best(now).quality
        if told and (not self._last_quality or told < self._last_quality - 1):
            return "told"
        return "step" if abs(now.offset_ms - self._last.offset_ms) > STEP_MS else None

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """What goes wrong in here ends the process, except a full outbox."""
        if self._failure:
            raise self._failure
        try:
            yield
        except (OutboxFull, asyncio.CancelledError):
            raise
        except BaseException as error:
            self._failure = error
            raise
