from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signals.lights import (
    Answer,
    Light,
    Scene,
    Sound,
    choose_light,
    choose_sounds,
    is_day,
)

MAYBE = st.booleans()
SCENES = st.builds(Scene, MAYBE, st.sampled_from(Answer), MAYBE, MAYBE, MAYBE, MAYBE)
STANDING = Scene()


@pytest.mark.parametrize(
    ("scene", "light"),
    [
        (Scene(is_started=False), Light.STARTING),
        (Scene(), Light.READY),
        (Scene(is_offline=True), Light.LOOKING_FOR_SIGNAL),
        (Scene(is_setup_open=True), Light.SETUP_OPEN),
        (Scene(answer=Answer.UNDER_WAY), Light.RECEIVING),
        (Scene(answer=Answer.AT_THE_OFFICE), Light.AT_THE_OFFICE),
        (Scene(answer=Answer.SAVED), Light.SAVED),
        (Scene(needs_help=True), Light.NEEDS_HELP),
    ],
)
def test_each_state_has_its_light(scene, light):
    assert choose_light(scene) is light


def test_where_several_hold_the_first_in_the_order_of_the_lights_is_shown():
    seen = {Light.READY}
    for answer in Answer:
        for is_setup_open, needs_help, is_offline in product((True, False), repeat=3):
            scene = Scene(True, answer, is_setup_open, needs_help, is_offline)
            held = [
                choose_light(STANDING._replace(**{field: value}))
                for field, value in scene._asdict().items()
            ]
            assert choose_light(scene) is min(held, key=list(Light).index)
            seen.add(choose_light(scene))
    assert seen == set(Light) - {Light.STARTING}


@given(SCENES, SCENES)
def test_nothing_is_heard_at_night_but_that_set_up_was_opened(before, after):
    assert set(choose_sounds(before, after._replace(is_day=False))) <= {Sound.ONE}


@given(SCENES)
def test_what_stays_as_it_is_makes_no_sound(scene):
    assert choose_sounds(scene, scene) == []


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({"answer": Answer.AT_THE_OFFICE}, Sound.TWO_RISING),
        ({"answer": Answer.SAVED}, Sound.ONE_LOW),
        ({"is_setup_open": True}, Sound.ONE),
        ({"needs_help": True}, Sound.THREE),
    ],
)
def test_each_sound_is_heard_once_when_its_state_begins(change, sound):
    after = STANDING._replace(**change)
    assert choose_sounds(STANDING, after) == [sound]
    assert choose_sounds(after, STANDING) == []


def test_a_need_that_came_in_the_night_is_heard_in_the_morning_and_no_act_between_repeats_it():
    night = STANDING._replace(is_day=False)
    needy = night._replace(needs_help=True)
    assert choose_sounds(night, needy) == []
    morning = needy._replace(is_day=True)
    assert choose_sounds(needy, morning) == [Sound.THREE]
    measured = morning._replace(answer=Answer.SAVED)
    assert choose_sounds(morning, measured) == [Sound.ONE_LOW]
    assert choose_sounds(measured, morning) == []


@pytest.mark.parametrize(
    ("hour", "minute", "may"),
    [(7, 59, False), (8, 0, True), (19, 59, True), (20, 0, False), (0, 0, False)],
)
def test_day_is_from_8_to_20_at_the_site(hour, minute, may):
    assert is_day(datetime(2026, 3, 8, hour, minute)) is may  # noqa: DTZ001  the site's own


def test_it_is_never_day_while_nobody_knows_the_time():
    assert not is_day(None)
