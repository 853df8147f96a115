"""What each light looks like and each sound is like on three lines and a buzzer.

Lines are on or off: what a ring of lights would do with brightness is done with rhythm, so that no
light is known by its colour alone; at night the steady one has one colour of three.
"""

from __future__ import annotations

from enum import Flag
from typing import NamedTuple

from gateway.signals.lights import Light, Sound


class Colour(Flag):
    """The lines that are on."""

    OFF = 0
    RED = 1
    GREEN = 2
    BLUE = 4
    AMBER = RED | GREEN
    SOFT = GREEN | BLUE
    WHITE = RED | GREEN | BLUE


class Beat(NamedTuple):
    """So long this is shown."""

    colour: Colour
    seconds: float


STEADY_S = 3600.0

PATTERNS: dict[Light, tuple[Beat, ...]] = {
    Light.STARTING: (Beat(Colour.WHITE, 1.0), Beat(Colour.OFF, 1.0)),
    Light.AT_THE_OFFICE: (Beat(Colour.GREEN, STEADY_S),),
    Light.SAVED: (Beat(Colour.AMBER, STEADY_S),),
    Light.RECEIVING: (
        Beat(Colour.SOFT, 0.5),
        Beat(Colour.BLUE, 0.25),
        Beat(Colour.OFF, 0.25),
        Beat(Colour.BLUE, 0.25),
    ),
    Light.SETUP_OPEN: (Beat(Colour.WHITE, 0.15), Beat(Colour.BLUE, 0.15)),
    Light.NEEDS_HELP: (
        *(Beat(Colour.RED, 0.25), Beat(Colour.OFF, 0.25)) * 3,
        Beat(Colour.OFF, 2.0),
    ),
    Light.LOOKING_FOR_SIGNAL: (
        *(Beat(Colour.AMBER, 0.25), Beat(Colour.OFF, 0.25)) * 2,
        Beat(Colour.OFF, 2.0),
    ),
    Light.READY: (Beat(Colour.SOFT, STEADY_S),),
}
READY_AT_NIGHT = (Beat(Colour.BLUE, STEADY_S),)

PAUSE_S = 0.15
# A buzzer has one pitch: what rises is short and then long, what is low is long.
BEEPS: dict[Sound, tuple[float, ...]] = {
    Sound.TWO_RISING: (0.1, 0.3),
    Sound.ONE_LOW: (0.6,),
    Sound.ONE: (0.1,),
    Sound.THREE: (0.2, 0.2, 0.2),
}


def find_pattern(light: Light, *, is_night: bool) -> tuple[Beat, ...]:
    """The beats of a light, over and over."""
    return READY_AT_NIGHT if is_night and light is Light.READY else PATTERNS[light]
