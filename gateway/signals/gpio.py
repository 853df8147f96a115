"""Light and sound on the lines of a GPIO chip: the only module that imports gpiod.

Source: libgpiod's Python binding, 2.x. Whatever goes wrong with it is said once and tried again
every minute: no light stops a hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, NoReturn

import structlog

from gateway.reports import Problem
from gateway.settings import LightSettings
from gateway.signals.lights import Light, Sound
from gateway.signals.patterns import BEEPS, PAUSE_S, Colour, find_pattern

AGAIN_S = 60.0
HINT = (
    "Check [light] chip and lines, that `gpiod` is installed (`pip install vitalpost[light]`), and"
    " systemd/vitalpost-light.conf."
)

Request = Callable[..., AbstractContextManager[Any]]
"""As gpiod.request_lines."""

log = structlog.get_logger()


class GpioPanel:
    """Up to three light lines, a buzzer, and a switch that is on where no sound is wanted."""

    def __init__(self, settings: LightSettings, request: Request | None = None) -> None:
        wired = {
            Colour.RED: settings.red,
            Colour.GREEN: settings.green,
            Colour.BLUE: settings.blue,
        }
        self._lights = {colour: line for colour, line in wired.items() if line >= 0}
        self._settings = settings
        self._request_lines = request
        self._pattern = find_pattern(Light.STARTING, is_night=False)
        self._is_changed = asyncio.Event()
        self._sounds: asyncio.Queue[Sound] = asyncio.Queue()
        self._fault = ""

    def show(self, light: Light, *, is_night: bool) -> None:
        """Begin the light's pattern."""
        self._pattern = find_pattern(light, is_night=is_night)
        self._is_changed.set()

    def play(self, sound: Sound) -> None:
        """Let the buzzer say it, after what it has begun."""
        if self._settings.buzzer >= 0 and not self._fault:
            self._sounds.put_nowait(sound)

    async def run(self) -> NoReturn:
        """Hold the lines until cancelled; whatever fails, ask for them again."""
        while True:
            try:
                with self._request() as lines:
                    self._recover()
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._blink(lines))
                        tasks.create_task(self._beep(lines))
            except* Exception as faults:  # noqa: BLE001  the edge of the lines: no light stops a hub
                self._fail(faults)
            await asyncio.sleep(AGAIN_S)

    def problems(self) -> Iterable[Problem]:
        """That the lines cannot be had."""
        return [Problem(f"light and sound are away: {self._fault}", HINT)] if self._fault else []

    def _request(self) -> AbstractContextManager[Any]:
        import gpiod  # noqa: PLC0415  most hubs have no light on their lines
        from gpiod.line import Direction, Value  # noqa: PLC0415  the same

        self._values = {True: Value.ACTIVE, False: Value.INACTIVE}
        is_low, settings = self._settings.active_low, self._settings
        lights, sound, switch = (
            gpiod.LineSettings(direction=Direction.OUTPUT, active_low=is_low),
            gpiod.LineSettings(direction=Direction.OUTPUT),
            gpiod.LineSettings(direction=Direction.INPUT),
        )
        wanted: dict[Any, Any] = dict.fromkeys(self._lights.values(), lights)
        wanted |= {settings.buzzer: sound, settings.mute: switch}
        wanted.pop(-1, None)
        request = self._request_lines or gpiod.request_lines
        return request(settings.chip, config=wanted, consumer="vitalpost")

    async def _blink(self, lines: Any) -> NoReturn:
        try:
            while True:
                self._is_changed.clear()
                for colour, seconds in self._pattern:
                    self._set(lines, {line: bool(of & colour) for of, line in self._lights.items()})
                    with suppress(TimeoutError):
                        async with asyncio.timeout(seconds):
                            await self._is_changed.wait()
                    if self._is_changed.is_set():
                        break
        finally:
            self._set(lines, dict.fromkeys(self._lights.values(), False))

    async def _beep(self, lines: Any) -> NoReturn:
        buzzer = self._settings.buzzer
        while True:
            sound = await self._sounds.get()
            for seconds in () if self._is_muted(lines) else BEEPS[sound]:
                self._set(lines, {buzzer: True})
                try:
                    await asyncio.sleep(seconds)
                finally:
                    self._set(lines, {buzzer: False})
                await asyncio.sleep(PAUSE_S)

    def _is_muted(self, lines: Any) -> bool:
        mute = self._settings.mute
        return mute >= 0 and lines.get_value(mute) is self._values[True]

    def _set(self, lines: Any, values: Mapping[int, bool]) -> None:
        if values:
            lines.set_values({line: self._values[is_on] for line, is_on in values.items()})

    def _fail(self, faults: ExceptionGroup[Exception]) -> None:
        fault: Exception = faults
        while isinstance(fault, ExceptionGroup):
            fault = fault.exceptions[0]
        if not self._fault:
            log.warning("light-away", error=type(fault).__name__, hint=HINT)
        self._fault = getattr(fault, "strerror", None) or str(fault)

    def _recover(self) -> None:
        if self._fault:
            log.info("light-back")
        self._fault = ""
