import asyncio

import pytest
import structlog

from tests.faults.clocks import Clocks
from tests.faults.loop import VirtualLoop
from tests.faults.quarter import keep_silent


class TwoWeeks(Clocks):
    days = 14


class NeverSynchronised(Clocks):
    """No time server, no modem, and the clock goes its own way: only the office tells the time."""

    days = 7

    async def _break_clock(self):
        self.house.clock.lose()
        while True:
            await asyncio.sleep(3600)
            self.house.clock.show(self.dice.uniform(0, 3e9))


def live(kind, seed, folder):
    keep_silent()

    async def pass_by():
        home = kind(seed, folder)
        await home.pass_by()
        return home

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(pass_by()).judge()


@pytest.fixture(autouse=True)
def as_it_was():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("seed", [1, 2])
def test_weeks_under_a_clock_that_is_never_right_give_no_wrong_day(seed, tmp_path):
    verdict = live(TwoWeeks, seed, tmp_path)
    assert verdict.violation is None
    assert verdict.counts["measured"]


def test_without_any_time_server_the_offices_receipts_place_the_days(tmp_path):
    verdict = live(NeverSynchronised, 1, tmp_path)
    assert verdict.violation is None
    assert verdict.counts["held"] < verdict.counts["measured"] / 2  # without them all are held
