import asyncio
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from drivers.spi import RX, Channel, Frame, Metric, Observation, Origin, Reading, Run, Series, Unit
from gateway.clock import read_moment
from gateway.reports import Problem
from gateway.requests import Status
from gateway.signals.acts import FRESH_MS, OFFLINE_PATIENCE_MS, PATIENCE_MS
from gateway.signals.lamp import OFFLINE_MS, Lamp
from gateway.signals.panel import Terminal
from tests.fakes.asked_hub import AskedHub
from tests.fakes.hub_storage import NOW, HubStorage
from tests.fakes.loop_clock import LoopClock
from tests.fakes.told_part import ToldPart
from tests.faults.loop import VirtualLoop
from uplink.errors import BrokerUnreachable
from uplink.records import EventRecord

ZONE = ZoneInfo("America/New_York")
WEIGHT = (Observation(Metric.MDC_MASS_BODY_ACTUAL, Decimal("84.6"), Unit.PERCENT),)
FRAME = Frame("2A9D", b"frame")
SPO2 = Channel(Metric.MDC_PULS_OXIM_SAT_O2, Unit.PERCENT, (Run(Decimal(96), 10),))
STREAM = Series((SPO2,), Frame(RX, b"frames"), 10, Decimal(1), 0, 10_000)
AWAY = BrokerUnreachable("broker:8883")
STUCK = Problem("the radio is stuck", "Swap the gateway.", needs_help=True)


class Home:
    """A hub whose light is a file; what is measured is really kept, and really released."""

    def __init__(self, storage, folder):
        self.hub = AskedHub(storage, Counter())
        self.file = folder / "light"
        self.file.touch()
        self.clock = storage.clock
        self.recorder = storage.start_recorder()
        self.outbox = storage.outbox
        self.is_started = True
        self.lamp = Lamp(Terminal(str(self.file)), self.clock, ZONE, self.outbox)
        self.names = []

    def site_time(self):
        local = datetime.fromtimestamp(self.clock.utc_ns() / 1e9, ZONE)
        return local.replace(tzinfo=None)

    def reading(self, age=None, origin=Origin.UNKNOWN):
        at = None if age is None else self.site_time() - age
        return Reading(WEIGHT, (FRAME,), at, origin=origin)

    async def measure(self, measured=None, device_clock=None):
        now = read_moment(self.clock)
        name = await self.recorder.record([lambda place: EventRecord(place.stamp(now), "x")])
        self.names.append(name)
        measured = measured or self.reading()
        self.lamp.note_reading(self.hub.sessions.device, measured, name, device_clock)

    async def receipt(self):
        kid, sequence = self.names[-1]
        await self.outbox.release({kid: [(1, sequence)]}, NOW)

    def said(self):
        """What was said since it was last asked."""
        lines = self.file.read_text().splitlines()
        self.file.write_text("")
        return lines


@pytest.fixture
def live(tmp_path):
    def live(story, at="2026-03-08T09:00"):
        async def tell():
            storage = await HubStorage.open(tmp_path, LoopClock.at(at, ZONE))
            home = Home(storage, tmp_path)
            home.hub.standing.connected()
            running = asyncio.create_task(home.lamp.run(home.hub.parts, lambda: home.is_started))
            await asyncio.sleep(0.1)
            await story(home)
            assert not running.done()
            running.cancel()
            await asyncio.wait({running})
            await storage.outbox.close()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(tell())

    return live


def test_a_hub_starts_looks_for_signal_and_is_ready(live):
    async def story(home):
        assert home.said() == ["light  starting", "light  ready"]
        home.hub.standing.disconnected(AWAY)
        await asyncio.sleep(OFFLINE_MS / 1000 - 5)
        assert home.said() == []
        await asyncio.sleep(10)
        assert home.said() == ["light  looking-for-signal"]
        home.hub.standing.connected()
        await asyncio.sleep(2)
        assert home.said() == ["light  ready"]
        assert home.lamp.facts() == {"shows": "ready", "day": True}

    live(story)


def test_a_receipt_soon_after_the_measuring_is_seen_for_ten_seconds_and_heard_once(live):
    async def story(home):
        home.said()
        await home.measure()
        await asyncio.sleep(1)
        assert home.said() == ["light  receiving"]
        await home.receipt()
        await asyncio.sleep(1)
        assert home.said() == ["light  at-the-office", "sound  two rising beeps"]
        await asyncio.sleep(10)
        assert home.said() == ["light  ready"]

    live(story)


@pytest.mark.parametrize("is_reached", [True, False])
def test_what_does_not_get_through_is_saved_and_a_receipt_within_two_minutes_is_still_told(
    live, is_reached
):
    patience_s = (PATIENCE_MS if is_reached else OFFLINE_PATIENCE_MS) / 1000

    async def story(home):
        home.said()
        if not is_reached:
            home.hub.standing.disconnected(AWAY)
        await home.measure()
        await asyncio.sleep(patience_s - 1)
        assert home.said() == ["light  receiving"]
        await asyncio.sleep(2)
        assert home.said() == ["light  saved-not-sent", "sound  one low beep"]
        await asyncio.sleep(60 - patience_s)
        assert home.said() == ["light  ready"]
        await home.receipt()
        await asyncio.sleep(2)
        assert home.said() == ["light  at-the-office", "sound  two rising beeps"]

    live(story)


def test_a_receipt_later_than_two_minutes_after_the_measuring_is_silent(live):
    async def story(home):
        home.said()
        home.hub.standing.disconnected(AWAY)
        await home.measure()
        await asyncio.sleep(FRESH_MS / 1000 - 10)
        home.hub.standing.connected()
        home.said()
        await asyncio.sleep(20)
        await home.receipt()
        await asyncio.sleep(20)
        assert home.said() == []

    live(story)


def test_what_a_device_had_stored_is_told_to_nobody_but_what_is_fresh_among_it_is(live):
    async def story(home):
        home.said()
        for age in (timedelta(days=3), timedelta(minutes=3), timedelta(minutes=-10)):
            await home.measure(home.reading(age))
            await home.measure(home.reading(age, Origin.STORED))
        await home.measure(home.reading(origin=Origin.STORED))
        await asyncio.sleep(5)
        assert home.said() == []
        await home.measure(home.reading(timedelta(seconds=50), Origin.STORED))
        await home.receipt()
        await asyncio.sleep(5)
        assert home.said()[-2:] == ["light  at-the-office", "sound  two rising beeps"]

    live(story)


def test_a_device_whose_clock_is_wrong_is_answered_where_it_says_that_it_is_live(live):
    async def story(home):
        home.said()
        await home.measure(home.reading(timedelta(days=900), Origin.LIVE))
        await home.receipt()
        await asyncio.sleep(5)
        assert "sound  two rising beeps" in home.said()

    live(story)


@pytest.mark.parametrize("age", [timedelta(seconds=30), timedelta(minutes=3)])
def test_a_device_whose_clock_is_wrong_and_was_read_is_judged_by_its_own_clock(live, age):
    async def story(home):
        await asyncio.sleep(20)
        home.said()
        reading = home.reading(timedelta(days=900), Origin.STORED)
        await home.measure(reading, device_clock=reading.device_time + age)
        await home.receipt()
        await asyncio.sleep(5)
        assert ("light  at-the-office" in home.said()) is (age < timedelta(minutes=2))

    live(story)


def test_a_stream_is_answered_once_for_as_long_as_it_lasts(live):
    async def story(home):
        home.said()
        for _ in range(360):
            await home.measure(STREAM)
            await asyncio.sleep(5)
            await home.receipt()
            await asyncio.sleep(5)
        assert Counter(home.said()) == Counter(
            [
                "light  receiving",
                "light  at-the-office",
                "sound  two rising beeps",
                "light  ready",
            ]
        )

    live(story)


@pytest.mark.parametrize("at", ["2026-03-08T07:30", "2026-03-08T20:30"])
def test_in_the_evening_and_before_eight_there_is_light_and_no_sound(live, at):
    async def story(home):
        assert home.said() == ["light  starting", "light  ready, dimmed"]
        await home.measure()
        await home.receipt()
        await asyncio.sleep(5)
        assert home.said()[-1] == "light  at-the-office"

    live(story, at)


def test_while_the_clock_is_unknown_nothing_is_heard(live):
    async def story(home):
        home.clock.level = 0
        await asyncio.sleep(2)
        home.said()
        await home.measure(home.reading(timedelta(days=900)))
        await home.receipt()
        await asyncio.sleep(5)
        assert home.said()[-1] == "light  at-the-office"

    live(story)


def test_a_need_for_help_is_seen_at_once_and_heard_in_the_morning(live):
    async def story(home):
        home.said()
        part = ToldPart("radio")
        home.hub.reporters.append(part)
        part.amiss = [STUCK._replace(needs_help=False)]
        await asyncio.sleep(60)
        assert home.said() == []
        part.amiss = [STUCK]
        await asyncio.sleep(12)
        assert home.said() == ["light  needs-help"]
        await asyncio.sleep(9 * 3600)
        assert home.said() == ["sound  three beeps"]
        part.amiss = []
        await asyncio.sleep(12)
        assert home.said() == ["light  ready"]

    live(story, "2026-03-08T23:30")


def test_set_up_is_seen_and_heard_at_any_hour(live):
    async def story(home):
        home.said()
        home.hub.setup.open()
        await asyncio.sleep(2)
        home.hub.setup.close()
        await asyncio.sleep(2)
        assert home.said() == ["light  setup-open", "sound  one beep", "light  ready, dimmed"]

    live(story, "2026-03-08T22:00")


def test_the_settings_can_silence_it(live):
    async def story(home):
        home.lamp._has_sound = False
        home.said()
        await home.measure()
        await home.receipt()
        await asyncio.sleep(60)
        assert home.said() == ["light  at-the-office", "light  ready"]

    live(story)


def test_the_status_says_what_the_light_shows(live):
    async def story(home):
        home.hub.reporters.append(home.lamp)
        assert (await home.hub.ask(Status()))["light"] == {"shows": "ready", "day": True}

    live(story)
