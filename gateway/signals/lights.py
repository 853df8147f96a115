"""What light and sound say, and when: pure functions from how the hub stands."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import NamedTuple

DAY_HOURS = range(8, 20)


class Light(Enum):
    """What the light can say; where several hold, the first of them is shown."""

    STARTING = "starting"
    AT_THE_OFFICE = "at-the-office"
    SAVED = "saved-not-sent"
    RECEIVING = "receiving"
    SETUP_OPEN = "setup-open"
    NEEDS_HELP = "needs-help"
    LOOKING_FOR_SIGNAL = "looking-for-signal"
    READY = "ready"


class Sound(Enum):
    """What can be heard. It is no alarm: each says what has happened, once."""

    TWO_RISING = "two rising beeps"
    ONE_LOW = "one low beep"
    ONE = "one beep"
    THREE = "three beeps"


class Answer(Enum):
    """What the last act of measuring has come to."""

    NONE = "none"
    UNDER_WAY = "under way"
    AT_THE_OFFICE = "at the office"
    SAVED = "saved"


class Scene(NamedTuple):
    """How the hub stands, as far as light and sound say it.

    `is_offline`: no broker is reached, for longer than a connection may take; `is_day`: from 8 to
    20 h at the site, and known to be.
    """

    is_started: bool = True
    answer: Answer = Answer.NONE
    is_setup_open: bool = False
    needs_help: bool = False
    is_offline: bool = False
    is_day: bool = True


def choose_light(scene: Scene) -> Light:
    """What is shown."""
    holds = {
        Light.STARTING: not scene.is_started,
        Light.AT_THE_OFFICE: scene.answer is Answer.AT_THE_OFFICE,
        Light.SAVED: scene.answer is Answer.SAVED,
        Light.RECEIVING: scene.answer is Answer.UNDER_WAY,
        Light.SETUP_OPEN: scene.is_setup_open,
        Light.NEEDS_HELP: scene.needs_help,
        Light.LOOKING_FOR_SIGNAL: scene.is_offline,
        Light.READY: True,
    }
    return next(light for light in Light if holds[light])


def choose_sounds(before: Scene, after: Scene) -> list[Sound]:
    """What is heard of the change: by day only, but for set-up, which answers whoever opened it."""
    sounds = []
    if after.is_setup_open and not before.is_setup_open:
        sounds.append(Sound.ONE)
    if after.is_day and after.answer is not before.answer:
        match after.answer:
            case Answer.AT_THE_OFFICE:
                sounds.append(Sound.TWO_RISING)
            case Answer.SAVED:
                sounds.append(Sound.ONE_LOW)
    # A need that came in the night is said in the morning, and once on each day that it lasts.
    if _asks_aloud(after) and not _asks_aloud(before):
        sounds.append(Sound.THREE)
    return sounds


def is_day(site_time: datetime | None) -> bool:
    """Whether sound may be heard at that time; no, while nobody knows the time."""
    return site_time is not None and site_time.hour in DAY_HOURS


def _asks_aloud(scene: Scene) -> bool:
    return scene.is_started and scene.needs_help and scene.is_day
