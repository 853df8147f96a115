import asyncio
from math import inf
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.clock import Moment, read_moment
from gateway.timekeeping.floor import RELEASED, Floor
from gateway.timekeeping.keeper import Timekeeper
from gateway.timekeeping.sources import MODEM
from tests.fakes.hand_clock import DAY_S, HandClock
from uplink.journal import Step
from uplink.tls import Span
from uplink.wire import Receipt

KID = bytes(16)
RELEASED_S = RELEASED.timestamp()
TRUE_S = RELEASED_S + 100 * DAY_S
HOUR_S = 3600


class Hub:
    """A hub's clock, what it shows and what is true, and an office that answers."""

    def __init__(self, folder: Path):
        self.clock = HandClock()
        self.clock.utc_s = TRUE_S
        self.true_s = TRUE_S
        self.floor = Floor(folder)
        self.keeper = Timekeeper(self.clock, self.clock, self.floor, lambda: 0)
        self.journal = self.keeper.follow(lambda step: None)
        self.sequence = 0

    def wait(self, seconds):
        self.clock.wait(seconds)
        self.true_s += seconds

    def lose(self, shows=None):
        """Nothing vouches for the clock any more; it may show something else."""
        self.clock.level = 0
        self.clock.utc_s = self.clock.utc_s if shows is None else shows

    def seal(self):
        self.sequence += 1
        self.journal(Step("sealed", {KID: [(self.sequence, self.sequence)]}))

    def receive(self, office_s=None, sequence=None):
        at_ms = round((self.true_s if office_s is None else office_s) * 1000)
        last = sequence or self.sequence
        self.keeper.receipted(Receipt("hub-1", at_ms, {KID: [(1, last)]}))

    def best(self) -> Moment:
        return self.keeper.best(read_moment(self.keeper))

    def problems(self):
        return [problem.what for problem in self.keeper.problems()]


@pytest.fixture
def hub(tmp_path):
    return Hub(tmp_path)


def test_a_synchronised_clock_is_what_it_says(hub):
    now = read_moment(hub.keeper)
    assert now == read_moment(hub.clock) == hub.best()
    assert hub.keeper.present() == Span(TRUE_S, TRUE_S)
    assert hub.keeper.facts()["source"] == "system"


@pytest.mark.parametrize("shows", [0, TRUE_S - 10 * 365 * DAY_S, TRUE_S + 34 * 365 * DAY_S])
def test_an_unsynchronised_clock_says_nothing_of_certificates(hub, shows):
    hub.lose(shows)
    assert hub.keeper.present() == Span(RELEASED_S, inf)


def test_the_present_begins_with_the_last_receipt(hub):
    hub.lose(0)
    hub.seal()
    hub.receive()
    assert hub.keeper.present() == Span(TRUE_S, inf)


def test_a_synchronised_clock_behind_the_floor_is_not_believed(hub, tmp_path):
    hub.seal()
    hub.receive()
    hub.floor.save()
    again = Hub(tmp_path)
    again.clock.utc_s -= 10 * 365 * DAY_S
    assert read_moment(again.keeper).quality == 0
    assert again.keeper.present() == Span(TRUE_S, inf)
    assert again.problems() == ["the hub's clock and the office's do not agree"]


def test_a_synchronised_clock_that_a_fresh_receipt_denies_is_not_believed(hub):
    hub.clock.utc_s += 10 * 365 * DAY_S
    assert read_moment(hub.keeper).quality
    hub.seal()
    hub.wait(1)
    hub.receive()
    assert read_moment(hub.keeper).quality == 0
    hub.clock.utc_s = hub.true_s
    assert read_moment(hub.keeper).quality


def test_a_denied_clock_says_nothing_of_certificates(hub):
    hub.clock.utc_s += 34 * 365 * DAY_S
    hub.seal()
    hub.receive()
    assert hub.keeper.present() == Span(TRUE_S, inf)


def test_five_minutes_between_the_clocks_deny_nothing(hub):
    hub.seal()
    hub.receive(hub.true_s + 290)
    assert read_moment(hub.keeper).quality
    assert hub.problems() == []


def test_a_fresh_receipt_tells_the_time_from_both_sides(hub):
    hub.lose(0)
    hub.seal()
    hub.wait(4)
    hub.receive(hub.true_s - 1)
    now = hub.best()
    assert abs(now.utc_ms - hub.true_s * 1000) <= 2**now.quality
    assert now.quality == 13
    assert read_moment(hub.keeper).quality == 0
    assert hub.keeper.facts()["source"] == "office"


def test_a_receipt_for_what_is_old_or_was_never_sealed_here_tells_no_time(hub):
    hub.lose(0)
    hub.receive(sequence=1)
    hub.seal()
    hub.wait(HOUR_S)
    hub.receive()
    assert hub.best().quality == 0


def test_a_replayed_receipt_does_not_lower_the_floor(hub):
    hub.seal()
    hub.receive()
    hub.wait(HOUR_S)
    hub.receive(TRUE_S - DAY_S)
    assert hub.keeper.floor_ms == TRUE_S * 1000


def test_an_office_whose_clock_was_wrong_is_healed_by_its_next_receipt(hub):
    hub.seal()
    hub.receive(TRUE_S + 365 * DAY_S)
    assert read_moment(hub.keeper).quality == 0
    hub.wait(1)
    hub.seal()
    hub.receive()
    assert read_moment(hub.keeper).quality
    assert hub.keeper.floor_ms == hub.true_s * 1000


def test_an_offices_wrong_clock_does_not_pass_the_end_of_the_brokers_certificates(hub):
    hub.keeper.accepted(Span(0, TRUE_S + 5 * DAY_S))
    hub.lose()
    hub.seal()
    hub.receive(TRUE_S + 40 * 365 * DAY_S)
    assert hub.keeper.floor_ms == (TRUE_S + 5 * DAY_S) * 1000


def test_the_modem_is_told_in_anchors_until_the_system_knows_better(hub):
    hub.lose(0)
    assert hub.keeper.believe(round((TRUE_S + 90) * 1000), 100_000, 1000, MODEM)
    hub.wait(HOUR_S)
    now = hub.best()
    assert now.quality == 18
    assert abs(now.utc_ms - hub.true_s * 1000) <= 2**now.quality
    assert read_moment(hub.keeper).quality == 0
    hub.clock.level, hub.clock.utc_s = 4, hub.true_s
    assert hub.best() == read_moment(hub.clock)


def test_a_modem_that_has_no_time_is_refused_once_aloud(hub):
    with capture_logs() as logs:
        for year in (1980, 2004, 2015):
            assert not hub.keeper.believe((year - 1970) * 31_556_952_000, 100_000, 1000, MODEM)
    assert [line["event"] for line in logs] == ["clock-word-refused"]
    assert hub.best().quality == 0 or hub.clock.level


def test_what_was_synchronised_holds_on_for_weeks_within_its_drift(hub):
    hub.keeper.look()
    hub.lose()
    hub.wait(21 * DAY_S)
    hub.clock.utc_s += 10 * 365 * DAY_S
    now = hub.best()
    assert abs(now.utc_ms - hub.true_s * 1000) <= 2**now.quality
    assert now.quality == 18
    assert hub.keeper.facts()["synchronised_s"] == 21 * DAY_S


async def test_the_floor_is_on_flash_soon_after_a_receipt_and_then_once_a_day(hub, tmp_path):
    async with asyncio.timeout(30):
        running = asyncio.create_task(hub.keeper.run())
        for day in range(3):
            for _ in range(5):
                hub.seal()
                hub.receive()
            while hub.floor.writes <= day:  # noqa: ASYNC110  a count, of which nobody tells
                await asyncio.sleep(0)
            hub.wait(DAY_S)
        running.cancel()
    assert hub.keeper.facts()["floor_writes"] == 3
    assert Floor(tmp_path).receipt_ms == (TRUE_S + 2 * DAY_S) * 1000


async def test_a_floor_that_cannot_be_written_is_said_and_the_hub_goes_on(hub, tmp_path):
    (tmp_path / "time-floor.new").mkdir()
    with capture_logs() as logs:
        async with asyncio.timeout(30):
            running = asyncio.create_task(hub.keeper.run())
            hub.seal()
            hub.receive()
            while not logs:  # noqa: ASYNC110  a log line, of which nobody tells
                await asyncio.sleep(0)
            assert not running.done()
            running.cancel()
    assert [line["event"] for line in logs] == ["time-floor-not-kept"]


def test_a_change_of_who_knows_the_time_is_logged_once(hub):
    with capture_logs() as logs:
        for shows in (TRUE_S, TRUE_S, 0, 0):
            hub.clock.level, hub.clock.utc_s = (5 if shows else 0), shows
            hub.keeper.look()
        hub.keeper._sources = type(hub.keeper._sources)()
        hub.keeper.look()
    assert [line["source"] for line in logs] == ["none"]


def test_a_day_without_any_time_needs_a_person(hub):
    hub.lose(0)
    assert hub.problems() == []
    hub.wait(DAY_S + 1)
    [problem] = hub.keeper.problems()
    assert problem.needs_help
    assert problem.what == "the hub has not known the time for a day"
