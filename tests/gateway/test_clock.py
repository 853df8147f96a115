import time

import pytest

from gateway.clock import STA_UNSYNC, TIME_ERROR, SystemClock, load_clock, rate, read_moment
from gateway.errors import ConfigError
from simulator.clock import ScriptClock
from tests.fakes.hand_clock import HandClock

TRUE_S = 1_790_000_000.0


def test_the_systems_clocks_are_this_machines():
    clock = SystemClock()
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    between = clock.boottime_ns(), clock.utc_ns()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    assert before <= between <= after
    assert clock.quality() in range(32)
    assert len(clock.boot_id()) == 16
    assert clock.boot_id() == SystemClock().boot_id()


@pytest.mark.parametrize(
    ("state", "status", "maxerror_us", "quality"),
    [
        (0, 0, 0, 1),
        (0, 0, 1_999, 1),
        (0, 0, 2_000, 2),
        (0, 0, 500_000, 9),
        (0, STA_UNSYNC, 500, 0),
        (TIME_ERROR, 0, 500, 0),
        (-1, 0, 0, 0),
    ],
)
def test_quality_is_the_least_power_of_two_above_the_error(state, status, maxerror_us, quality):
    assert rate(state, status, maxerror_us) == quality


def test_a_clock_of_an_entry_point_is_given_its_options(tmp_path):
    ScriptClock.create(tmp_path / "clock", offset_ns=10**18, quality=7)
    clock = load_clock("script", {"file": str(tmp_path / "clock")})
    assert read_moment(clock).quality == 7
    assert read_moment(clock).boottime_ms > 10**12


@pytest.mark.parametrize(
    ("source", "options", "path"),
    [
        ("sundial", {}, "clock.source"),
        ("script", {"color": "blue"}, "clock.options"),
        ("script", {"file": "/missing"}, "clock.options"),
    ],
)
def test_a_clock_that_cannot_be_had_is_a_fault_of_the_settings(source, options, path):
    with pytest.raises(ConfigError) as caught:
        load_clock(source, options)
    assert caught.value.path == path


class Stepped(HandClock):
    """Is set right, and called synchronised, at the so many-th look at it."""

    def __init__(self, at):
        super().__init__()
        self.level, self.utc_s, self._left = 0, 60.0, at

    def _look(self):
        self._left -= 1
        if not self._left:
            self.level, self.utc_s = 4, TRUE_S

    def boottime_ns(self):
        self._look()
        return super().boottime_ns()

    def utc_ns(self):
        self._look()
        return super().utc_ns()

    def quality(self):
        self._look()
        return super().quality()


@pytest.mark.parametrize("at", range(1, 6))
def test_no_moment_is_called_synchronised_that_shows_what_was_before(at):
    moment = read_moment(Stepped(at))
    assert moment.quality == 0 or moment.utc_ms == TRUE_S * 1000
