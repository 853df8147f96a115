"""Sessions of one device, one after another: what ends them, when the next may begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple, cast

import structlog

from drivers.errors import (
    BondLost,
    DeviceHeld,
    DriverError,
    LinkFlooded,
    LinkLost,
    LinkTimeout,
    PairingRefused,
    PortUnusable,
    RadioBusy,
)
from drivers.spi import Item
from gateway.devices import Device
from gateway.errors import DeviceMismatch
from gateway.link import Connection, Link
from gateway.logs.leftovers import find_origin
from gateway.pipeline import Pipeline, describe, draft_bond
from gateway.recorder import Recorder
from uplink.errors import OutboxFull
from uplink.journal import Journal

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0

AWAY = "device-away"
FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (DeviceMismatch, "device-mismatch"),
    (OutboxFull, "outbox-full"),
    (BondLost, "bond-lost"),
    (PairingRefused, "pairing-refused"),
    (DeviceHeld, "device-held"),
    (RadioBusy, "radio-busy"),
    (LinkLost, AWAY),
    (LinkTimeout, AWAY),
    (LinkFlooded, "device-floods"),
    (PortUnusable, "port-unusable"),
    (DriverError, "device-refuses"),
    (Exception, "session-crashed"),
)

log = structlog.get_logger()


class Outcome(NamedTuple):
    """How a session ended: "ok", or the event of its failure with what to do."""

    event: str
    hint: str = ""


class Sessions:
    """Holds one session at a time with a device, and waits longer after each that failed."""

    def __init__(self, device: Device, recorder: Recorder, journal: Journal) -> None:
        self.device = device
        self.failures = 0
        self.last: Outcome | None = None
        self._recorder = recorder
        self._journal = journal
        self._is_busy = False
        self._delay_s = FIRST_DELAY_S
        self._not_before = 0.0
        self._told: set[str] = set()

    def claim(self) -> bool:
        """Whether a session may begin now; if so, `hold` it."""
        now = asyncio.get_running_loop().time()
        if self._is_busy or now < self._not_before:
            return False
        self._is_busy = True
        return True

    def hasten(self) -> None:
        """Wait no longer for what failed before: somebody has done something about it."""
        self._delay_s = FIRST_DELAY_S
        self._not_before = 0.0

    def note_away(self) -> None:
        """Say once that the device is not there."""
        if AWAY not in self._told:
            self._told.add(AWAY)
            log.warning(AWAY, device=self.device.name, hint=DriverError.hint)

    def note_present(self) -> None:
        """Say that the device is there, where it was said that it is not."""
        if AWAY in self._told:
            self._told.remove(AWAY)
            log.info("device-back", device=self.device.name)

    async def hold(self, connection: Connection) -> None:
        """Hold the session. Raises only what broke the outbox: then nothing may go on."""
        try:
            # Before the device is asked: BlueZ confirms what we then could not keep.
            await self._recorder.check_room()
            try:
                async with connection as link:
                    await self._record_bond()
                    pipeline = await self._run_driver(link)
            finally:
                await self._record_bond()
        except Exception as error:  # the edge of a session: no device stops the hub
            if self._recorder.has_failed:
                raise
            self._note_failure(error)
        else:
            self._note_success(pipeline)
        finally:
            self._is_busy = False

    async def _record_bond(self) -> None:
        """Record what has become of the bond, once it is known."""
        news = self.device.bond_news
        while news:
            await self._recorder.record([draft_bond(news[0])], describe(self.device, news[0].name))
            del news[0]

    async def _run_driver(self, link: Link) -> Pipeline:
        pipeline = Pipeline(self.device, link, self._recorder, self._journal)
        session = cast(AsyncGenerator[Item], self.device.driver.session(link))
        async with aclosing(session) as items:
            try:
                async for item in items:
                    await pipeline.take(item)
                pipeline.conclude()
            finally:
                # Before the driver is closed: it confirms nothing while it cleans up.
                link.close()
                await pipeline.finish()
        return pipeline

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._not_before = asyncio.get_running_loop().time() + self._delay_s
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        event = next(name for kind, name in FAILURES if isinstance(error, kind))
        hint = getattr(error, "hint", "Report it with the driver's name and version.")
        self.last = Outcome(event, hint)
        if event in self._told:
            return
        self._told.add(event)
        log.warning(
            event,
            device=self.device.name,
            error=type(error).__name__,
            at=find_origin(error),
            hint=hint,
        )

    def _note_success(self, pipeline: Pipeline) -> None:
        self._delay_s = FIRST_DELAY_S
        self.last = Outcome("ok")
        if self._told:
            self._told.clear()
            log.info("device-back", device=self.device.name)
        counts = {"readings": pipeline.readings, "empty": pipeline.empty}
        log.debug("session-ended", device=self.device.name, **counts)
