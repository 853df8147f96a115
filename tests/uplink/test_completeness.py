import shutil
import sqlite3
from contextlib import closing, suppress
from functools import partial

import pytest

from tests.uplink.test_outbox import (
    DAY,
    HOUR,
    KEY_RECORD,
    KID,
    NOW,
    QUOTA,
    bytes_written,
    everything,
    filesystem_of,
    peek_all,
    rows,
    sealed,
)
from uplink.checkpoints import KEPT
from uplink.outbox import Outbox, Requeued, Signed
from uplink.shelf import DELETE_GROUP, GROUP
from uplink.statements import CHAIN_START, Ending, extend_chain

OTHER = b"o" * 16
CLOSED = Signed(3, b"signed checkpoint")


def chain(last):
    return extend_chain(CHAIN_START, (sealed(sequence) for sequence in range(1, last + 1)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
async def outbox(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    yield outbox
    with suppress(RuntimeError):  # the test has closed it
        await outbox.close()


async def kill(path, damage=None):
    """The files as they are, opened by a later process."""
    folder = path.parent / "killed"
    shutil.copytree(path.parent, folder)
    if damage:
        change(folder / path.name, damage)
    return await Outbox.open(folder / path.name, quota_bytes=QUOTA)


def change(path, statement, *values):
    """What a card might do to the file of a stopped hub."""
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement, values).rowcount


async def test_rows_that_a_receipt_names_stay_until_one_is_made_fourteen_days_later(outbox):
    await outbox.append(KID, rows(1, DELETE_GROUP + 1))
    await outbox.release({KID: [(1, DELETE_GROUP)]}, NOW)
    for utc_ms in (NOW - DAY, NOW + 14 * DAY, NOW + 13 * DAY):
        await outbox.release({}, utc_ms)
    assert (await outbox.stats()).released == DELETE_GROUP
    await outbox.release({KID: [(DELETE_GROUP + 1, DELETE_GROUP + 1)]}, NOW + 14 * DAY + HOUR)
    assert (await outbox.stats()).released == 1
    assert (await outbox.stats()).used_bytes < 20_000


async def test_released_rows_make_way_for_new_ones_oldest_first_and_waiting_ones_never(path):
    outbox = await Outbox.open(path, quota_bytes=64 << 10)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 100))
    await outbox.append(KID, rows(101, 350))
    await outbox.release({KID: [(101, 350)]}, NOW)
    await outbox.append(KID, rows(351, 450))
    stats = await outbox.stats()
    assert (stats.waiting, stats.released) == (200, 250 - 2 * GROUP)
    assert (await outbox.want({KID: [(1, 450)]})).gone == {KID: ((101, 100 + 2 * GROUP),)}
    assert (await outbox.reach(KID)).chain == chain(450)
    await outbox.close()


async def test_what_is_released_is_remembered_in_groups_and_after_a_crash_a_few_go_again(
    outbox, path
):
    await outbox.append(KID, rows(1, 3 * GROUP))
    await outbox.release({KID: [(1, GROUP)]}, NOW)
    await outbox.release({KID: [(GROUP + 1, 2 * GROUP - 1)]}, NOW)
    killed = await kill(path)
    assert (await killed.stats()).released == GROUP
    assert [row[1] for row in await peek_all(killed)] == list(range(GROUP + 1, 3 * GROUP + 1))
    await killed.close()


async def test_a_damaged_note_of_what_was_released_lets_it_go_again(outbox, path):
    await outbox.append(KID, rows(1, 5))
    await outbox.release({KID: [(1, 3)]}, NOW)
    await outbox.close()
    change(path, "UPDATE released SET last = last + 1")
    again = await Outbox.open(path, quota_bytes=QUOTA)
    assert (again.depth, again.losses) == (5, [])
    await again.close()


async def test_wanted_rows_that_are_here_go_again_with_their_key_record(outbox, path):
    await outbox.append(KID, rows(1, 10))
    await outbox.release({KID: [(1, 8)]}, NOW)
    await outbox.refuse(KID, 9, "unopenable")
    assert (await outbox.peek(0, 100, 5000)).key_records == {}

    wanted = await outbox.want({KID: [(2, 3), (7, 10)]})
    assert wanted == (5, {KID}, {}, 0)
    batch = await outbox.peek(0, 100, 5000)
    assert [row[1] for row in everything(batch)] == [2, 3, 7, 8, 9, 10]
    assert batch.key_records == {KID: KEY_RECORD}
    killed = await kill(path)
    assert [row[1] for row in await peek_all(killed)][-6:] == [2, 3, 7, 8, 9, 10]
    await killed.close()


async def test_what_is_wanted_and_gone_never_assigned_or_unknown_is_told_apart(outbox, path):
    await outbox.append(KID, rows(1, 10))
    await outbox.release({KID: [(1, 4)]}, NOW)
    await outbox.close()
    change(path, "UPDATE record SET sealed = 'damaged' WHERE id & 0xffffffff = 3")
    change(path, "DELETE FROM record WHERE id & 0xffffffff = 4")
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    # The last rows may have been lost with the one that is damaged: nothing is "never assigned".
    wanted = await outbox.want({KID: [(2, 6), (9, 12)], OTHER: [(1, 7)]})
    assert wanted == (1, {KID}, {KID: ((3, 4), (11, 12)), OTHER: ((1, 7),)}, 0)

    await outbox.begin_epoch(OTHER, KEY_RECORD)
    await outbox.append(OTHER, rows(1, 2))
    assert await outbox.want({OTHER: [(2, 3), (5, 5)]}) == (0, set(), {}, 1)
    await outbox.close()


async def test_the_chain_outlives_the_rows_that_it_covers(outbox, path):
    await outbox.append(KID, rows(1, 2 * DELETE_GROUP))
    await outbox.release({KID: [(1, DELETE_GROUP)]}, NOW)
    await outbox.release({KID: [(DELETE_GROUP + 1, DELETE_GROUP + 1)]}, NOW + 15 * DAY)
    await outbox.append(KID, rows(2 * DELETE_GROUP + 1, 2 * DELETE_GROUP + 5))
    killed = await kill(path)
    [reach] = await killed.unclosed()
    assert reach == (KID, 2 * DELETE_GROUP + 5, chain(2 * DELETE_GROUP + 5), None)
    assert (await killed.want({KID: [(1, 1)]})).gone
    await killed.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET sealed = 'damaged' WHERE id & 0xffffffff = 2",
        "UPDATE record SET sealed = 'damaged' WHERE id & 0xffffffff = 5",
        "DELETE FROM record WHERE id & 0xffffffff = 2",
        "UPDATE epoch SET last = last + 1",
    ],
)
async def test_an_epoch_of_which_something_is_amiss_is_never_said_to_be_whole(outbox, path, damage):
    await outbox.append(KID, rows(1, 5))
    killed = await kill(path, damage)
    for _ in range(2):
        assert await killed.unclosed() == []
        await killed.close()
        killed = await Outbox.open(path.parent / "killed" / path.name, quota_bytes=QUOTA)
    await killed.close()


async def test_lost_commits_leave_the_end_in_doubt_though_a_crash_follows_at_once(outbox, path):
    await outbox.append(KID, rows(1, 5))
    for row in rows(6, 20):
        await outbox.append(KID, [row])
    folder = path.parent / "killed"
    shutil.copytree(path.parent, folder)
    log = folder / "outbox.db-wal"
    content = bytearray(log.read_bytes())
    content[-3 * 1048 - 100] ^= 1
    log.write_bytes(content)
    damaged = await Outbox.open(folder / path.name, quota_bytes=QUOTA)
    assert [loss.what for loss in damaged.losses] == ["log-frames"]
    assert await damaged.unclosed() == []
    await damaged.close()
    again = await Outbox.open(folder / path.name, quota_bytes=QUOTA)
    assert (again.losses, await again.unclosed()) == ([], [])
    await again.close()


async def test_the_last_checkpoint_is_kept_until_a_receipt_shows_that_it_arrived(outbox, path):
    await outbox.append(KID, rows(1, 3))
    await outbox.offer_checkpoint(KID, Signed(3, b"open"))
    assert outbox.checkpoints == {KID: (3, b"open")}
    await outbox.end_epoch(KID, CLOSED)
    assert not await outbox.settle_checkpoint(KID, Signed(3, b"open"))
    killed = await kill(path)
    assert killed.checkpoints == {KID: CLOSED}
    assert await killed.unclosed() == []
    assert await killed.settle_checkpoint(KID, CLOSED)
    assert killed.checkpoints == {}
    await killed.close()
    later = await Outbox.open(path.parent / "killed" / path.name, quota_bytes=QUOTA)
    assert later.checkpoints == {}
    await later.close()


async def test_a_backend_that_keeps_no_checkpoints_does_not_fill_the_card_with_them(outbox):
    kids = [bytes([number]) * 16 for number in range(KEPT + 5)]
    for kid in kids:
        await outbox.begin_epoch(kid, b"key record")
        await outbox.append(kid, rows(1, 1))
        if kid != kids[0]:
            await outbox.release({kid: [(1, 1)]}, NOW)
        await outbox.end_epoch(kid, Signed(1, b"checkpoint of " + kid))
    assert list(outbox.checkpoints) == [kids[0], *kids[-KEPT:]]


async def test_a_damaged_checkpoint_is_not_sent(outbox, path):
    await outbox.append(KID, rows(1, 3))
    await outbox.end_epoch(KID, CLOSED)
    await outbox.close()
    change(path, "UPDATE checkpoint SET signed = 'signed chuckpoint'")
    again = await Outbox.open(path, quota_bytes=QUOTA)
    assert again.checkpoints == {}
    await again.close()


async def test_what_is_read_back_knows_how_far_its_epochs_went(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    for kid in (KID, OTHER, b"p" * 16):
        await outbox.begin_epoch(kid, KEY_RECORD)
        await outbox.append(kid, rows(1, 3))
    await outbox.end_epoch(KID, CLOSED)
    await outbox.close()
    change(path, "UPDATE epoch SET last = 2, chain = NULL WHERE number = 3")
    change(path, "DELETE FROM record WHERE id = ?", 3 << 32 | 2)
    content = bytearray(path.read_bytes())
    at = content.index(b"CREATE TABLE quarantine")
    content[at : at + 6] = b"create"
    path.write_bytes(content)

    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert [loss.read_back for loss in outbox.losses] == [8]
    assert outbox.checkpoints == {KID: CLOSED}
    reaches = [await outbox.reach(kid) for kid in (KID, OTHER, b"p" * 16)]
    assert [reach[1:3] for reach in reaches] == [(3, chain(3)), (3, chain(3)), (3, None)]
    assert await outbox.unclosed() == []
    await outbox.close()
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert (outbox.losses, await outbox.unclosed()) == ([], [])
    await outbox.close()


async def test_quarantined_rows_that_are_sound_can_be_sent_again(outbox, path):
    await outbox.append(KID, rows(1, 6))
    for sequence in (2, 4, 6):
        await outbox.refuse(KID, sequence, "conflict")
    await outbox.close()
    change(path, "UPDATE record SET sealed = 'damaged' WHERE id & 0xffffffff = 4")
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert (await outbox.stats()).quarantined == {"conflict": 3}
    assert await outbox.requeue(OTHER) == Requeued(0, 0)
    assert await outbox.requeue(KID, 2) == Requeued(1, 0)
    assert await outbox.requeue() == Requeued(1, 1)
    assert [row[1] for row in await peek_all(outbox)] == [1, 2, 3, 5, 6]
    assert outbox.quarantined == 1
    await outbox.close()


async def test_verifying_names_what_is_damaged_and_sets_it_apart(outbox, path):
    await outbox.append(KID, rows(1, 2500))
    sound = await outbox.verify()
    assert (sound.rows, sound.key_records, sound.is_sound) == (2500, 1, True)
    await outbox.close()
    damage = "UPDATE record SET crc = crc + 1 WHERE id & 0xffffffff IN (7, 2001)"
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    for each in (damage, "UPDATE key_copy SET signed = 'damaged'"):
        await outbox._in_writer(partial(outbox._store.db.execute, each))
    found = await outbox.verify()
    assert found.damaged == ((KID, 7), (KID, 2001))
    assert (found.key_copies, found.lost_key_records, found.is_consistent) == (1, 0, True)
    assert not found.is_sound
    assert (outbox.depth, outbox.quarantined) == (2498, 2)
    assert (await outbox.verify()).damaged == found.damaged
    await outbox.close()


async def test_stats_tell_what_waits_and_for_how_long(outbox, path):
    assert (await outbox.stats()).oldest_s == 0
    await outbox.append(KID, rows(1, 4))
    await outbox.release({KID: [(1, 1)]}, NOW)
    await outbox.refuse(KID, 2, "conflict")
    stats = await outbox.stats()
    assert (stats.waiting, stats.released, stats.quarantined) == (2, 1, {"conflict": 1})
    assert (stats.epochs, stats.open_epochs, stats.open_checkpoints) == (1, 1, 0)
    assert not stats.oldest_is_at_least
    assert 0 < stats.used_bytes < stats.quota_bytes == QUOTA
    killed = await kill(path)
    assert (await killed.stats()).oldest_is_at_least
    await killed.close()


async def test_readings_that_are_delivered_one_by_one_cost_no_more_flash(outbox, path):
    if filesystem_of(path) in {"tmpfs", "overlay"}:
        pytest.skip("the test folder is in memory, where the kernel counts no bytes written")
    before = bytes_written()
    for row in rows(1, 400):
        await outbox.append(KID, [row])
        await outbox.release({KID: [(row[0], row[0])]}, NOW + row[0] * HOUR)
    assert (bytes_written() - before) / 400 <= 6500


async def test_an_epoch_that_was_recovered_takes_no_more_rows(outbox, path):
    await outbox.append(KID, rows(1, 3))
    killed = await kill(path)
    await killed.end_epoch(KID, Signed(3, b"recovered"), Ending.RECOVERED)
    assert killed.previous().closed_cleanly
    with pytest.raises(Exception, match="closed"):
        await killed.append(KID, rows(4, 4))
    await killed.close()
