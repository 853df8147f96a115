import sqlite3
from contextlib import closing

import pytest

from tests.uplink.test_outbox import KEY_RECORD, KID, NOW, QUOTA, rows
from uplink.flash import DAY_S, HOUR_S, FlashCount, Written, read_written
from uplink.outbox import Outbox
from uplink.upgrade import upgrade


class Card:
    """A process that writes when it is told to, on a clock that is moved by hand."""

    def __init__(self):
        self.bytes = 0
        self.now_s = 5.0
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        upgrade(self.db, 0)
        self.statements = []
        self.db.set_trace_callback(self.statements.append)

    def write(self, count, seconds):
        self.bytes += count
        self.now_s += seconds

    def begin(self):
        """As a process does whose own count begins at 0."""
        self.bytes = 0
        return FlashCount(self.db, lambda: self.now_s, 0, lambda: self.bytes)

    def saved(self):
        return sum("flash" in statement for statement in self.statements if "INS" in statement)


@pytest.fixture
def card():
    card = Card()
    yield card
    card.db.close()


def save(count):
    count.save()
    count.saved()


def test_a_day_is_24_hours_in_which_the_hub_ran_over_all_its_lives(card):
    count = card.begin()
    card.write(1_000, DAY_S // 2)
    assert count.look() == Written(1_000, DAY_S // 2, None, 1_000, DAY_S // 2)
    save(count)
    card.now_s += 40 * DAY_S  # switched off
    count = card.begin()
    card.write(500, DAY_S // 2)
    assert count.look() == Written(1_500, DAY_S, 1_500, 0, 0)
    card.write(4_000, 2 * DAY_S)
    assert count.look() == Written(5_500, 3 * DAY_S, 2_000, 0, 0)


def test_the_count_is_written_at_most_hourly_and_when_the_hub_stops(card):
    count = card.begin()
    for _ in range(3 * 60):
        card.write(100, 60)
        save(count)
    assert card.saved() == 3
    card.write(7, 60)
    count.finish()
    save(count)
    assert card.saved() == 4
    assert card.begin().written.total_bytes == 180 * 100 + 7


def test_a_damaged_count_begins_anew(card):
    count = card.begin()
    card.write(100, HOUR_S)
    save(count)
    card.db.execute("UPDATE flash SET total = total + 1")
    assert card.begin().written == Written()


def test_where_the_kernel_does_not_count_nothing_is_said(card):
    count = FlashCount(card.db, lambda: card.now_s, None, lambda: None)
    card.now_s += HOUR_S
    assert count.look() is None
    save(count)
    assert card.saved() == 0


async def test_an_outbox_counts_what_the_kernel_wrote_for_it_and_goes_on_counting(tmp_path):
    path = tmp_path / "outbox.db"
    before = read_written()
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    for row in rows(1, 20):
        await outbox.append(KID, [row])
    written = (await outbox.usage()).written
    assert 0 <= written.total_bytes <= read_written() - before
    await outbox.close()
    again = await Outbox.open(path, quota_bytes=QUOTA)
    assert (await again.usage()).written.total_bytes >= written.total_bytes
    await again.close()


async def test_committing_and_releasing_within_an_hour_writes_no_count(tmp_path):
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 300))
    await outbox.release({KID: [(1, 300)]}, NOW)
    count = "SELECT count(*) FROM flash"
    assert await outbox._in_writer(lambda: outbox._store.db.execute(count).fetchone()) == (0,)
    await outbox.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(count).fetchone() == (1,)
