import asyncio
import copy
import io
import json
import logging
from collections import Counter

import pytest
import structlog

from drivers.errors import LinkLost
from gateway.devices import Device
from gateway.logs.measure import Measure
from gateway.sessions import Sessions
from tests.faults.cord import AcknowledgingCuff
from tests.faults.lives import Life, VirtualLink
from tests.faults.loop import VirtualLoop
from tests.faults.quarter import Quarter
from tests.faults.world import CUFF, Cuff

HOUR_S = 3600.0
DEVICES = 5
MOST_LINES = 50
READINGS = 20  # of each device


class Busy(Life):
    """The hub's process with five devices."""

    async def start(self):
        await super().start()
        house = self._house
        for number in range(1, DEVICES):
            house.cuffs.append(Cuff(house.dice, house.note))
            device = Device(f"cuff-{number}", "", CUFF, AcknowledgingCuff(), is_bonded=False)
            sessions = Sessions(device, self._recorder, self._journal)
            self._tasks.append(asyncio.create_task(self._attend(house.cuffs[-1], sessions)))

    async def _attend(self, cuff, sessions):
        house = copy.copy(self._house)
        house.cuff = cuff
        while True:
            await cuff.has_some.wait()
            await asyncio.sleep(house.dice.uniform(5, 60))
            if sessions.claim():
                await sessions.hold(self._meet(house))

    def _meet(self, house):
        life = self

        class Visit:
            async def __aenter__(self):
                if house.dice.random() < 0.3:
                    raise LinkLost("cuff")
                return VirtualLink(life, house)

            async def __aexit__(self, *_):
                return None

        return Visit()


class Day:
    def __init__(self, seed, folder):
        self.quarter = Quarter(seed, folder)
        self.house, self.net, self.dice = (
            self.quarter.house,
            self.quarter.net,
            self.quarter.dice,
        )
        self.house.cuffs = [self.house.cuff]

    async def pass_by(self):
        life = Busy(self.house, None)
        await life.start()
        troubles = (self._break_net(), self._break_office(), self._refuse(), self._measure())
        tasks = [asyncio.create_task(each) for each in troubles]
        await asyncio.sleep(24 * HOUR_S)
        for task in tasks:
            task.cancel()
        self.delivered = life._forwarder.standing.counts["released"]
        await life.stop()

    async def _break_net(self):
        """A night on a link that drops, then four hours without any."""
        for _ in range(40):
            await asyncio.sleep(HOUR_S / 6)
            self.net.cut()
            await asyncio.sleep(self.dice.uniform(10, 120))
            self.net.is_up = True
        await asyncio.sleep(2 * HOUR_S)
        self.net.cut()
        await asyncio.sleep(4 * HOUR_S)
        self.net.is_up = True

    async def _break_office(self):
        for _ in range(3):
            await asyncio.sleep(5 * HOUR_S)
            self.net.is_office_up = False
            await asyncio.sleep(HOUR_S)
            self.net.open_office()

    async def _refuse(self):
        await asyncio.sleep(20 * HOUR_S)
        self.net.is_refusing = True
        await asyncio.sleep(HOUR_S)
        self.net.is_refusing = False

    async def _measure(self):
        while True:
            await asyncio.sleep(24 * HOUR_S / READINGS)
            for cuff in self.house.cuffs:
                cuff.measure()


@pytest.fixture
def log():
    out = io.StringIO()
    before = structlog.get_config()

    def now():
        return asyncio.get_running_loop().time()

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            Measure(now),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.configure(**before)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_of_a_busy_home_with_every_trouble_has_less_than_50_lines(tmp_path, log, seed):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def live():
            day = Day(seed, tmp_path)
            await day.pass_by()
            return day

        day = runner.run(live())
    day.quarter.ledger.close()
    lines = log()
    told = Counter(line["event"] for line in lines)
    assert day.delivered >= DEVICES * READINGS / 2
    assert {"broker-not-reached", "office-not-reached", "device-away", "device-back"} <= told.keys()
    assert any("further" in line for line in lines)
    assert len(lines) < MOST_LINES
