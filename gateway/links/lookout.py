"""Keeps one scan going, whatever happens to the radio: notices what is amiss, climbs the ladder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NoReturn, Protocol

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from gateway.links.faults import STACK_ERRORS
from gateway.links.ladder import BREAKING, Ladder, Rung, Symptom
from gateway.links.radio import Radio
from gateway.links.rhythm import SILENCE_S

SCANNER_S = 20.0
RUNG_S = 60.0  # bluetoothd may take its time to end and to begin
BUSY_LIMIT = 3  # attempts in a row that found the adapter busy
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0


class Crew(Protocol):
    """Who has links to devices."""

    def idle(self) -> set[str]:
        """Addresses of the devices with which no session is held."""

    def bonded(self) -> set[str]:
        """Addresses of the devices that have a bond."""

    def is_linked(self) -> bool:
        """Whether any link is up."""

    def end_links(self) -> None:
        """They are gone, whether that was noticed or not."""


class Lookout:
    """Runs the scanner; `settled` once a scan was tried.

    `turned_at` is when its loop last turned, by the event loop's clock.
    """

    def __init__(
        self,
        radio: Radio,
        ladder: Ladder,
        crew: Crew,
        on_sight: Callable[[BLEDevice, AdvertisementData], None],
    ) -> None:
        self.settled = asyncio.Event()
        self.turned_at = 0.0
        self._radio = radio
        self._ladder = ladder
        self._crew = crew
        self._on_sight = on_sight
        self._delay_s = FIRST_DELAY_S
        self._refusals = 0
        self._stuck = asyncio.Event()

    async def run(self) -> NoReturn:
        """Scan until cancelled."""
        now = asyncio.get_running_loop().time
        climbed_at = 0.0
        while True:
            self.turned_at = now()
            try:
                while True:
                    await self._keep_scanning()
            except STACK_ERRORS as error:
                self._ladder.suffers(Symptom.AWAY, error=type(error).__name__)
                self.settled.set()
            if self._delay_s == FIRST_DELAY_S:
                climbed_at = now()
            elif now() - climbed_at >= SILENCE_S:
                climbed_at = now()
                await self._climb(Symptom.AWAY)
            with suppress(*STACK_ERRORS):
                await self._radio.stop()
            await asyncio.sleep(self._delay_s)
            self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    def connected(self) -> None:
        """A connection was made."""
        self._refusals = 0
        self._stuck.clear()
        self._ladder.cured(Symptom.BUSY)

    def refused(self) -> None:
        """The adapter was busy. Too often in a row, and the ladder is climbed."""
        self._refusals += 1
        if self._refusals >= BUSY_LIMIT:
            self._ladder.suffers(Symptom.BUSY)
            self._stuck.set()

    async def _keep_scanning(self) -> None:
        """Return when bluetoothd or the adapter has begun anew. Raises what the stack raises."""
        async with asyncio.timeout(RUNG_S):  # bleak waits for ever for a bluetoothd that hangs
            await self._radio.start(self._crew.bonded())
            await self._radio.let_go(self._crew.idle())
        rung = Rung.SCAN
        while rung not in BREAKING:
            async with self._scanner():
                self._ladder.listens()
                self._delay_s = FIRST_DELAY_S
                self.settled.set()
                symptom = await self._listen()
            rung = await self._climb(symptom)

    @asynccontextmanager
    async def _scanner(self) -> AsyncIterator[None]:
        radio = self._radio
        scanner = BleakScanner(self._on_sight, backend=radio.scanner_backend, **radio.scanner_args)
        async with asyncio.timeout(SCANNER_S):
            await scanner.start()
        try:
            yield
        finally:
            with suppress(*STACK_ERRORS):
                async with asyncio.timeout(SCANNER_S):
                    await scanner.stop()

    async def _listen(self) -> Symptom:
        """Return what is amiss. Raises BleakError when the radio has gone."""
        now = asyncio.get_running_loop().time
        began_at = now()
        look_at = began_at + SILENCE_S
        while True:
            self.turned_at = now()
            silent_at = max(began_at, self._ladder.heard_at) + SILENCE_S
            await self._wait(min(silent_at, look_at) - now())
            if self._stuck.is_set():
                self._stuck.clear()
                return Symptom.BUSY
            if now() >= look_at:
                look_at = now() + SILENCE_S
                if await self._radio.is_hiding(self._crew.idle()):
                    self._ladder.suffers(Symptom.HIDDEN)
                    return Symptom.HIDDEN
                self._ladder.cured(Symptom.HIDDEN)
            if now() >= max(began_at, self._ladder.heard_at) + SILENCE_S:
                return Symptom.SILENT

    async def _wait(self, left_s: float) -> None:
        """Return when it is over, or the adapter is found stuck. Raises BleakError as `watch`."""
        watching = asyncio.ensure_future(self._radio.watch())
        stuck = asyncio.ensure_future(self._stuck.wait())
        try:
            await asyncio.wait(
                (watching, stuck), timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if watching.done():
                self._crew.end_links()  # bleak does not notice that bluetoothd is another one
                watching.result()
        finally:
            watching.cancel()
            stuck.cancel()
            await asyncio.wait((watching, stuck))

    async def _climb(self, symptom: Symptom) -> Rung:
        """Do what the ladder says, while nothing scans; what that was."""
        may_break = symptom is Symptom.AWAY or not self._crew.is_linked()
        rung = self._ladder.climb(symptom, may_break=may_break)
        try:
            async with asyncio.timeout(RUNG_S):
                await self._do(rung)
        except STACK_ERRORS as error:
            self._ladder.failed(rung, type(error).__name__)
        return rung

    async def _do(self, rung: Rung) -> None:
        match rung:
            case Rung.LINKS:
                await self._radio.let_go(self._crew.idle())
            case Rung.POWER:
                await self._radio.power_cycle()
            case Rung.SERVICE:
                await self._radio.restart_service()
            case Rung.SCAN | Rung.HELP:
                pass  # the scan begins anew after any rung
