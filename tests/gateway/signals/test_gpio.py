import asyncio
from pathlib import Path

import pytest
from gpiod.line import Value
from structlog.testing import capture_logs

from gateway.settings import LightSettings
from gateway.signals.gpio import AGAIN_S, GpioPanel
from gateway.signals.lights import Light, Sound
from gateway.signals.patterns import BEEPS, PATTERNS, Colour
from tests.fakes.gpio_chip import GpioChip
from tests.faults.loop import VirtualLoop

RED, GREEN, BLUE, BUZZER, MUTE = range(5)
LINES = {Colour.RED: RED, Colour.GREEN: GREEN, Colour.BLUE: BLUE}
WIRED = LightSettings(panel="gpio", red=RED, green=GREEN, blue=BLUE, buzzer=BUZZER, mute=MUTE)


def played(play, settings=WIRED, chip=None):
    """What a chip did while `play(panel, chip)` ran."""
    chip = chip or GpioChip()

    async def live():
        panel = GpioPanel(settings, chip.request_lines)
        running = asyncio.create_task(panel.run())
        await asyncio.sleep(0)
        await play(panel, chip)
        running.cancel()
        await asyncio.wait({running})

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live())
    return chip


def lines_of(colour):
    return {line for of, line in LINES.items() if of & colour}


@pytest.mark.parametrize("light", Light)
def test_each_light_goes_through_its_beats_over_and_over(light):
    seen = []

    async def watch(panel, chip):
        panel.show(light, is_night=False)
        await asyncio.sleep(0.01)
        for beat in PATTERNS[light] * 2:
            seen.append((chip.on(), beat.colour))
            await asyncio.sleep(beat.seconds)

    chip = played(watch)
    assert all(on == lines_of(colour) for on, colour in seen)
    assert chip.on() == set()


def test_no_two_lights_have_the_same_rhythm_unless_they_are_steady():
    rhythms = {
        light: tuple((beat.colour != Colour.OFF, beat.seconds) for beat in beats)
        for light, beats in PATTERNS.items()
    }
    moving = [rhythm for rhythm in rhythms.values() if len(rhythm) > 1]
    assert len(moving) == len(set(moving)) == 5


def test_at_night_the_steady_light_is_dim():
    shown = []

    async def watch(panel, chip):
        for is_night in (False, True):
            panel.show(Light.READY, is_night=is_night)
            await asyncio.sleep(0.01)
            shown.append(chip.on())

    played(watch)
    assert shown == [{GREEN, BLUE}, {BLUE}]


@pytest.mark.parametrize("sound", Sound)
def test_each_sound_is_heard_once(sound):
    async def listen(panel, _chip):
        panel.play(sound)
        await asyncio.sleep(5)

    assert played(listen).times(BUZZER) == list(BEEPS[sound])


def test_while_the_switch_is_on_there_is_no_sound():
    async def listen(panel, chip):
        chip.inputs[MUTE] = Value.ACTIVE
        panel.play(Sound.THREE)
        await asyncio.sleep(5)
        chip.inputs[MUTE] = Value.INACTIVE
        panel.play(Sound.ONE)
        await asyncio.sleep(5)

    assert played(listen).times(BUZZER) == list(BEEPS[Sound.ONE])


def test_only_lines_that_are_wired_are_asked_for():
    held = []

    async def look(panel, chip):
        panel.show(Light.NEEDS_HELP, is_night=False)
        panel.play(Sound.THREE)
        await asyncio.sleep(1)
        held.append(chip.held)

    played(look, LightSettings(panel="gpio", red=7, active_low=True))
    assert [(line, kind.active_low) for line, kind in held[0].items()] == [(7, True)]


def test_a_chip_that_fails_is_said_once_and_asked_again_and_its_return_is_said():
    chip = GpioChip()
    problems = []

    async def watch(panel, chip):
        panel.show(Light.NEEDS_HELP, is_night=False)
        await asyncio.sleep(1)
        chip.fault = OSError(19, "No such device")
        await asyncio.sleep(3 * AGAIN_S + 5)
        problems.append(list(panel.problems()))
        panel.play(Sound.THREE)
        chip.fault = None
        await asyncio.sleep(AGAIN_S)
        problems.append(list(panel.problems()))

    with capture_logs() as logs:
        played(watch, chip=chip)
    assert [line["event"] for line in logs] == ["light-away", "light-back"]
    [[problem], none] = problems
    assert (problem.what, problem.needs_help, none) == (
        "light and sound are away: No such device",
        False,
        [],
    )
    assert chip.times(BUZZER) == []
    assert chip.requests == 5


def test_a_machine_without_such_a_chip_does_without_light():
    async def live():
        panel = GpioPanel(WIRED.__class__(panel="gpio", chip="/dev/gpiochip987", red=1))
        running = asyncio.create_task(panel.run())
        await asyncio.sleep(1)
        assert not running.done()
        running.cancel()
        return list(panel.problems())

    assert not Path("/dev/gpiochip987").exists()
    with capture_logs() as logs, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        [problem] = runner.run(live())
    assert (problem.what, logs[0]["error"]) == (
        "light and sound are away: No such file or directory",
        "FileNotFoundError",
    )
