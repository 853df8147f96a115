import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.uplink.test_outbox import DAY, HOUR, KEY_RECORD, KID, NOW, QUOTA, peek_all, rows
from uplink.outbox import Outbox
from uplink.shelf import GROUP

DAY_S = 86_400
JUMP = 14 * 365 * DAY  # the office's clock shows 2040
KEEP = 14


class Hub:
    """An outbox in its lives, on a clock that runs only while the hub does."""

    def __init__(self, folder):
        self.path = folder / "outbox.db"
        self.ran_s = 7.0
        self.last = 0
        self.lives = 0

    async def start(self):
        self.outbox = await Outbox.open(self.path, quota_bytes=QUOTA, now=lambda: self.ran_s)
        if not self.lives:
            await self.outbox.begin_epoch(KID, KEY_RECORD)
        self.lives += 1
        assert self.outbox.losses == []

    async def stop(self):
        """It is switched off for a while of which it knows nothing."""
        await self.outbox.close()
        self.ran_s = self.lives * 1e7

    async def kill(self):
        folder = self.path.parent / str(self.lives)
        shutil.copytree(self.path.parent, folder, ignore=lambda _, names: {*map(str, range(99))})
        await self.stop()
        self.path = folder / self.path.name

    async def restart(self, how):
        await getattr(self, how)()
        await self.start()

    async def measure(self, count=GROUP):
        await self.outbox.append(KID, rows(self.last + 1, self.last + count))
        self.last += count

    async def receipt(self, utc_ms):
        """The office has everything."""
        await self.outbox.release({KID: [(1, self.last)]}, utc_ms)

    async def live(self, days, began_ms):
        """A record and a receipt a day."""
        for day in range(days):
            self.ran_s += DAY_S
            await self.measure(1)
            await self.receipt(began_ms + (day + 1) * DAY)

    async def here(self):
        """What an office that wants everything gets again; then it has it."""
        await self.outbox.want({KID: [(1, self.last)]})
        return {sequence for _, sequence, _ in await peek_all(self.outbox)}


@pytest.fixture
async def hub(tmp_path):
    hub = Hub(tmp_path)
    await hub.start()
    await hub.measure()
    await hub.receipt(NOW)
    yield hub
    await hub.outbox.close()


FIRST = set(range(1, GROUP + 1))


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_rows_stay_for_fourteen_days_and_no_longer(hub, how):
    await hub.live(KEEP, NOW)
    await hub.restart("stop")
    assert await hub.here() >= FIRST
    await hub.receipt(NOW + KEEP * DAY)
    await hub.live(KEEP + 1, NOW + KEEP * DAY)
    await hub.restart("stop")  # rows leave in groups, or at last
    assert not FIRST & await hub.here()


@pytest.mark.parametrize("how", [None, "stop", "kill"])
async def test_an_office_whose_clock_jumped_ahead_once_loses_nothing(hub, how):
    await hub.live(2, NOW)
    await hub.measure(GROUP)
    await hub.receipt(NOW + JUMP)
    if how:
        await hub.restart(how)
    for day in range(2, 9):
        await hub.live(1, NOW + day * DAY)
    await hub.restart("stop")
    assert await hub.here() == set(range(1, hub.last + 1))


async def test_what_a_clock_far_ahead_has_named_goes_with_time_all_the_same_but_for_its_own(hub):
    await hub.measure(1)
    await hub.receipt(NOW + JUMP)
    await hub.live(KEEP + 2, NOW)
    await hub.restart("stop")
    here = await hub.here()
    assert not FIRST & here
    assert GROUP + 1 in here  # until room is needed


async def test_an_office_whose_clock_stands_still_or_runs_back_keeps_everything(hub):
    for day in range(3 * KEEP):
        await hub.live(1, NOW - day * DAY)
    await hub.restart("stop")
    assert await hub.here() == set(range(1, hub.last + 1))


async def test_days_in_which_the_hub_was_off_are_not_counted(hub):
    for day in range(KEEP):
        await hub.restart("stop")
        hub.ran_s += 3600
        await hub.measure(1)
        await hub.receipt(NOW + 30 * (day + 1) * DAY)
    await hub.restart("stop")
    assert await hub.here() == set(range(1, hub.last + 1))


async def test_days_are_counted_over_many_lives(hub):
    for day in range(2 * (KEEP + 2)):
        hub.ran_s += DAY_S / 2
        await hub.measure(1)
        await hub.receipt(NOW + (day + 1) * DAY / 2 // HOUR * HOUR)
        hub.ran_s += 60
        await hub.restart("stop")
    assert not FIRST & await hub.here()


async def test_rows_whose_days_are_damaged_begin_them_anew(hub):
    await hub.live(KEEP - 1, NOW)
    await hub.stop()
    with closing(sqlite3.connect(hub.path, isolation_level=None)) as db:
        db.execute("UPDATE ran SET ran_s = -9 WHERE hour >= 0")
    await hub.start()
    await hub.live(3, NOW + KEEP * DAY)
    await hub.restart("stop")
    assert await hub.here() >= FIRST
