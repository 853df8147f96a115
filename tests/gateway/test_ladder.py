from itertools import pairwise

import pytest

from gateway.links.ladder import Ladder, Rung, Symptom
from gateway.links.rhythm import DAY_S, SILENCE_S

HOUR = 3600


class Radio:
    """A ladder, and time that passes by hand."""

    def __init__(self, *, serves=True):
        self.now = 1000.0
        self.serves = serves
        self.is_set_up = False
        self.ladder = Ladder(lambda: self.now, lambda: self.serves, lambda: self.is_set_up)

    def hear(self, seconds, every):
        for _ in range(int(seconds / every)):
            self.now += every
            self.ladder.heard()

    def be_silent(self, seconds):
        rungs = []
        for _ in range(int(seconds / SILENCE_S)):
            self.now += SILENCE_S
            rungs.append((self.now, self.ladder.climb(Symptom.SILENT)))
        return rungs

    def climbed(self, seconds):
        return [rung for _, rung in self.be_silent(seconds)]

    @property
    def needs_help(self):
        return [problem.needs_help for problem in self.ladder.problems()]


@pytest.fixture
def radio():
    return Radio()


def test_rungs_come_in_order_and_each_is_counted(radio):
    radio.hear(2 * HOUR, 30)
    assert radio.climbed(450) == list(Rung)
    assert radio.ladder.facts()["rungs"] == dict.fromkeys(Rung, 1)


def test_what_is_heard_leads_back_to_the_bottom(radio):
    radio.hear(2 * HOUR, 30)
    assert radio.climbed(270)[-1] is Rung.POWER
    radio.hear(1000, 10)
    assert radio.climbed(180) == [Rung.SCAN, Rung.LINKS]


def test_help_is_called_only_where_a_day_long_something_was_to_be_heard(radio):
    radio.hear(2 * HOUR, 30)
    radio.be_silent(450)
    assert radio.needs_help == [False]
    radio.hear(DAY_S, 300)
    radio.be_silent(1800)
    assert radio.needs_help == [True]
    radio.hear(1, 1)
    assert radio.needs_help == []


def test_a_silence_no_longer_than_this_homes_own_is_none(radio):
    radio.hear(DAY_S, 2 * HOUR)
    assert set(radio.climbed(4 * HOUR - 200)) == {Rung.SCAN}
    assert Rung.LINKS in radio.climbed(400)


def test_two_weeks_later_a_long_silence_is_forgotten(radio):
    radio.hear(DAY_S, 2 * HOUR)
    radio.hear(15 * DAY_S, 60)
    assert radio.climbed(270)[-1] is Rung.POWER


def test_while_somebody_holds_a_device_to_the_hub_90_seconds_are_enough(radio):
    radio.is_set_up = True
    assert radio.climbed(270) == [Rung.SCAN, Rung.LINKS, Rung.POWER]


def test_a_hub_that_serves_no_device_only_begins_its_scan_anew():
    radio = Radio(serves=False)
    radio.hear(HOUR * 2, 30)
    assert set(radio.climbed(DAY_S)) == {Rung.SCAN}


def test_climbs_that_mend_nothing_rest_twice_as_long_each_time_up_to_a_day(radio):
    climbed = [at for at, rung in radio.be_silent(20 * DAY_S) if rung is Rung.SERVICE]
    rests = [after - before for before, after in pairwise(climbed)]
    assert len([at for at in climbed if at < 1000 + DAY_S]) == 7
    assert all(rest < after * 1.01 for rest, after in pairwise(rests[:8]))
    assert all(abs(rest - DAY_S) < 600 for rest in rests[8:])


def test_a_rung_that_mends_may_be_used_again_after_a_quarter_of_an_hour(radio):
    radio.hear(2 * HOUR, 30)
    for _ in range(50):
        assert Rung.SERVICE in radio.climbed(360)
        radio.hear(HOUR, 30)
    assert radio.ladder.facts()["rungs"][Rung.SERVICE] == 50


def test_power_and_service_wait_while_a_link_is_up(radio):
    for _ in range(2):
        radio.ladder.climb(Symptom.BUSY)
    assert radio.ladder.climb(Symptom.BUSY, may_break=False) is Rung.SCAN
    assert radio.ladder.climb(Symptom.BUSY) is Rung.POWER


def test_a_busy_adapter_is_not_mended_by_what_it_hears(radio):
    radio.ladder.suffers(Symptom.BUSY)
    assert radio.ladder.climb(Symptom.BUSY) is Rung.SCAN
    radio.hear(100, 1)
    assert radio.ladder.climb(Symptom.BUSY) is Rung.LINKS
    radio.ladder.cured(Symptom.BUSY)
    assert radio.ladder.climb(Symptom.BUSY) is Rung.SCAN


def test_time_in_which_nobody_could_listen_is_no_silence(radio):
    radio.hear(2 * HOUR, 30)
    radio.ladder.suffers(Symptom.AWAY)
    radio.now += 5 * HOUR
    radio.ladder.listens()
    assert radio.ladder.facts()["silent_s"] == 0
    assert radio.ladder.facts()["expected_s"] == 90
