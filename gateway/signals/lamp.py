"""The hub's light and sound: they follow how it stands and what patients measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import NoReturn

from drivers.spi import Reading, Series
from gateway.clock import Clock, read_moment, site_time
from gateway.devices import Device
from gateway.drafts import RecordName
from gateway.reports import Facts, Problem
from gateway.settings import LightSettings
from gateway.signals.acts import Acts, tell_age
from gateway.signals.lights import (
    Light,
    Scene,
    choose_light,
    choose_sounds,
    is_day,
)
from gateway.signals.panel import Panel, Terminal
from gateway.status import Parts, find_problems
from uplink.outbox import Outbox

BUSY_S = 0.25
IDLE_S = 1.0
JUDGE_MS = 10_000  # so often it is asked whether help is needed
OFFLINE_MS = 120_000  # a connection that was there comes back within it, or is missed


class Lamp:
    """Follows the hub for as long as `run` runs; a reporter of what it shows."""

    name = "light"

    def __init__(
        self, panel: Panel, clock: Clock, zone: tzinfo, outbox: Outbox, *, has_sound: bool = True
    ) -> None:
        self._panel = panel
        self._clock = clock
        self._zone = zone
        self._has_sound = has_sound
        self._acts = Acts(outbox.fate)
        self._has_news = asyncio.Event()
        self._scene = Scene(is_started=False)
        self._needs_help = False
        self._judged_ms = -JUDGE_MS
        self._connected_ms: int | None = None

    def note_reading(
        self,
        device: Device,
        measured: Reading | Series,
        record: RecordName,
        device_clock: datetime | None,
    ) -> None:
        """A measurement of a device is on flash."""
        now_ms = read_moment(self._clock).boottime_ms
        clocks = site_time(self._clock, self._zone), device_clock
        age_ms = tell_age(measured, clocks)
        self._acts.note(device.name, measured, record, now_ms, age_ms)
        self._has_news.set()

    async def run(self, parts: Parts, is_started: Callable[[], bool]) -> NoReturn:
        """Show how the hub stands until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._panel.run())
            self._panel.show(Light.STARTING, is_night=not self._scene.is_day)
            while True:
                self._has_news.clear()
                self._change(await self._look(parts, is_started()))
                with suppress(TimeoutError):
                    async with asyncio.timeout(BUSY_S if self._acts.is_busy else IDLE_S):
                        await self._has_news.wait()
        raise AssertionError("it is only ever cancelled")

    def facts(self) -> Facts:
        """What is shown, and whether it is day at the site."""
        return {"shows": choose_light(self._scene).value, "day": self._scene.is_day}

    def problems(self) -> Iterable[Problem]:
        """That nothing is seen."""
        return self._panel.problems()

    def _change(self, scene: Scene) -> None:
        before, self._scene = self._scene, scene
        shown, light = choose_light(before), choose_light(scene)
        if light is not shown or scene.is_day is not before.is_day:
            self._panel.show(light, is_night=not scene.is_day)
        for sound in choose_sounds(before, scene) if self._has_sound else ():
            self._panel.play(sound)

    async def _look(self, parts: Parts, is_started: bool) -> Scene:  # noqa: FBT001  a fact
        now = read_moment(self._clock)
        now_ms, standing = now.boottime_ms, parts.standing
        if standing.is_connected:
            self._connected_ms = now_ms
        if now_ms - self._judged_ms >= JUDGE_MS:
            self._judged_ms = now_ms
            self._needs_help = any(problem.needs_help for problem in find_problems(parts, now))
        is_reached = standing.is_connected and not standing.is_office_silent
        return Scene(
            is_started=is_started,
            answer=await self._acts.look(now_ms, is_reached=is_reached),
            is_setup_open=parts.setup.is_open,
            needs_help=self._needs_help,
            is_offline=self._connected_ms is None or now_ms - self._connected_ms > OFFLINE_MS,
            is_day=is_day(site_time(self._clock, self._zone)),
        )


def make_lamp(settings: LightSettings, clock: Clock, zone: tzinfo, outbox: Outbox) -> Lamp:
    """The light and sound of the settings."""
    panel: Panel
    if settings.panel == "gpio":
        from gateway.signals.gpio import GpioPanel  # noqa: PLC0415  where there is a lamp

        panel = GpioPanel(settings)
    else:
        panel = Terminal(settings.file)
    return Lamp(panel, clock, zone, outbox, has_sound=settings.sound)
