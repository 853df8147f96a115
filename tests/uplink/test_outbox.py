import asyncio
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from hashlib import shake_128
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.steps import Steps
from uplink.errors import OutboxDamaged, OutboxFull, OutboxLocked, OutboxNewer, SealError
from uplink.outbox import Outbox
from uplink.shelf import GROUP, KEPT_EPOCHS
from uplink.statements import CHAIN_START, Previous, extend_chain
from uplink.store import EPOCHS_IN_BATCH
from uplink.upgrade import VERSION
from uplink.wire import Run

QUOTA = 8 << 20
KID = b"k" * 16
NOW = 1_790_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
KEY_RECORD = b"signed key record".ljust(1400, b".")


def sealed(sequence, size=110):
    """What stands for a sealed record: its bytes follow from its sequence."""
    return shake_128(b"%d" % sequence).digest(size)


def rows(first, last, size=110):
    return [(sequence, sealed(sequence, size)) for sequence in range(first, last + 1)]


def everything(batch):
    return [(r.kid, r.first + i, data) for r in batch.runs for i, data in enumerate(r.sealed)]


async def peek_all(outbox):
    return everything(await outbox.peek(0, 1_000_000, 1 << 30))


async def fill(outbox, group, size, **options):
    """Append groups until one does not fit; the last sequence that did."""
    last = 0
    with suppress(OutboxFull):
        while True:
            await outbox.append(KID, rows(last + 1, last + group, size), **options)
            last += group
    return last


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
async def outbox(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    yield outbox
    await outbox.close()


async def test_rows_come_out_oldest_first_in_runs_with_the_key_records_they_need(outbox):
    await outbox.append(KID, rows(1, 3))
    await outbox.append(KID, rows(5, 5))
    await outbox.begin_epoch(b"n" * 16, b"next")
    await outbox.append(b"n" * 16, rows(1, 1))

    batch = await outbox.peek(0, 100, 5000)

    assert batch.runs == (
        Run(KID, 1, (sealed(1), sealed(2), sealed(3))),
        Run(KID, 5, (sealed(5),)),
        Run(b"n" * 16, 1, (sealed(1),)),
    )
    assert batch.key_records == {KID: KEY_RECORD, b"n" * 16: b"next"}
    assert outbox.depth == 5
    nothing = await outbox.peek(batch.cursor, 100, 5000)
    assert (nothing.runs, nothing.cursor) == ((), batch.cursor)


async def test_a_batch_keeps_its_limits_and_holds_at_least_one_row(outbox):
    await outbox.append(KID, [*rows(1, 9), (10, sealed(10, 9000)), *rows(11, 12)])
    few = await outbox.peek(0, 4, 5000)
    assert [r[1] for r in everything(few)] == [1, 2, 3, 4]
    small = await outbox.peek(few.cursor, 100, 330)
    assert [r[1] for r in everything(small)] == [5, 6, 7]
    large = await outbox.peek((await outbox.peek(small.cursor, 2, 5000)).cursor, 100, 5000)
    assert everything(large) == [(KID, 10, sealed(10, 9000))]


async def test_a_batch_spans_few_epochs_for_their_key_records_go_along(outbox):
    for number in range(EPOCHS_IN_BATCH + 2):
        kid = bytes([number]) * 16
        await outbox.begin_epoch(kid, KEY_RECORD)
        await outbox.append(kid, rows(1, 1))
    batch = await outbox.peek(0, 100, 5000)
    assert len(batch.key_records) == len(batch.runs) == EPOCHS_IN_BATCH
    rest = await outbox.peek(batch.cursor, 100, 5000)
    assert len(rest.runs) == 2


async def test_the_same_row_may_be_appended_again_but_never_other_bytes(outbox):
    await outbox.append(KID, rows(1, 2))
    await outbox.append(KID, rows(2, 3))
    with pytest.raises(SealError):
        await outbox.append(KID, [(4, b"new"), (3, b"other bytes")])
    assert await peek_all(outbox) == [(KID, *row) for row in rows(1, 3)]


async def test_a_closed_epoch_takes_no_more_rows(outbox):
    await outbox.end_epoch(KID)
    with pytest.raises(SealError):
        await outbox.append(KID, rows(1, 1))


async def test_a_full_outbox_refuses_readings_whole_but_keeps_room_for_keys_and_deletes(path):
    steps = Steps()
    outbox = await Outbox.open(path, quota_bytes=64 << 10, journal=steps.note)
    await outbox.begin_epoch(KID, KEY_RECORD)
    last = await fill(outbox, 7, 110)
    assert last > 300
    assert outbox.depth == last
    with pytest.raises(OutboxFull) as full:
        await outbox.room()
    assert full.value.limit_bytes == 64 << 10

    await outbox.append(KID, rows(last + 1, last + 1), reserved=True)
    await outbox.begin_epoch(b"n" * 16, KEY_RECORD)
    assert (await outbox.release({KID: [(1, 50)]}, NOW)).rows == 50
    await outbox.room()
    await outbox.append(b"n" * 16, rows(1, 7))
    assert outbox.depth == last + 1 - 50 + 7
    assert set(steps) == {"committed", "released"}
    await outbox.close()


async def test_the_reserve_too_has_an_end_and_what_hits_it_is_not_written(path):
    outbox = await Outbox.open(path, quota_bytes=64 << 10)
    await outbox.begin_epoch(KID, KEY_RECORD)
    last = await fill(outbox, 50, 900, reserved=True)
    assert await peek_all(outbox) == [(KID, *row) for row in rows(1, last, 900)]
    await outbox.release({KID: [(1, last)]}, NOW)
    await outbox.append(KID, rows(last + 1, last + 2))
    await outbox.close()
    assert path.stat().st_size <= (64 << 10) + (256 << 10)


async def test_after_an_io_error_nothing_is_acknowledged_and_a_new_process_finds_the_rest(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 2))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log_bytes = path.with_name("outbox.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes + 500, limits[1]))
    try:
        with pytest.raises(OutboxDamaged):
            await outbox.append(KID, rows(3, 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for work in (outbox.append(KID, rows(3, 3)), outbox.peek(0, 1, 1), outbox.release({}, NOW)):
        with pytest.raises(OutboxDamaged):
            await work
    await outbox.close()

    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert await peek_all(outbox) == [(KID, *row) for row in rows(1, 2)]
    assert outbox.losses == []
    await outbox.close()


async def test_an_io_error_while_closing_says_that_the_outbox_is_damaged(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 9))
    await outbox.release({KID: [(1, 5)]}, NOW)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log_bytes = path.with_name("outbox.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes + 500, limits[1]))
    try:
        with pytest.raises(OutboxDamaged):
            await outbox.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert (outbox.depth, outbox.losses) == (9, [])
    await outbox.close()


async def test_receipts_release_rows_and_ranges_never_assigned_are_counted(outbox):
    await outbox.append(KID, rows(1, 10))
    released = await outbox.release(
        {KID: [(1, 3), (2, 5), (9, 11)], b"?" * 16: [(1, 1), (1, 2**32 - 1)]}, NOW
    )
    assert released == (5, {KID: [(1, 3), (2, 5)]}, 3)
    assert (await outbox.release({KID: [(1, 5)]}, NOW)).rows == 0
    assert outbox.depth == 5
    batch = await outbox.peek(0, 100, 5000)
    assert [r[1] for r in everything(batch)] == [6, 7, 8, 9, 10]
    assert batch.key_records == {}
    assert await outbox.forget_known(KID) == KEY_RECORD
    assert (await outbox.peek(0, 100, 5000)).key_records == {KID: KEY_RECORD}
    assert await outbox.forget_known(b"?" * 16) == b""


async def test_rows_leave_the_file_in_groups_and_on_closing(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 2 * GROUP))
    await outbox.release({KID: [(1, GROUP)]}, NOW)
    await outbox.release({KID: [(GROUP + 1, GROUP + 5)]}, NOW)
    shutil.copytree(path.parent, path.parent / "killed")
    await outbox.close()

    killed = await Outbox.open(path.parent / "killed" / path.name, quota_bytes=QUOTA)
    assert killed.depth == GROUP
    await killed.close()
    closed = await Outbox.open(path, quota_bytes=QUOTA)
    assert closed.depth == GROUP - 5
    assert closed.previous() == Previous(KID, 2 * GROUP, closed_cleanly=False)
    await closed.close()


async def test_epochs_go_with_their_last_row_but_the_newest_are_remembered(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA, keep_days=0)
    kids = [bytes([number]) * 16 for number in range(KEPT_EPOCHS + 3)]
    for kid in kids:
        await outbox.begin_epoch(kid, KEY_RECORD)
        await outbox.append(kid, rows(1, 3))
        await outbox.end_epoch(kid)
        if kid != kids[1]:
            await outbox.release({kid: [(1, 3)]}, NOW)
    await outbox.begin_epoch(b"unsent".ljust(16), KEY_RECORD)
    await outbox.close()

    outbox = await Outbox.open(path, quota_bytes=QUOTA, keep_days=0)
    assert outbox.previous() == Previous(kids[-1], 3, closed_cleanly=True)
    assert (await outbox.peek(0, 9, 9)).key_records == {kids[1]: KEY_RECORD}
    known = [kid for kid in kids if (await outbox.release({kid: [(1, 3)]}, NOW)).ranges]
    assert known == [kids[1], *kids[-KEPT_EPOCHS + 1 :]]
    await outbox.close()


async def test_a_refused_row_is_kept_and_stepped_over(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 3))
    assert await outbox.refuse(KID, 2, "conflict")
    assert not await outbox.refuse(KID, 2, "conflict")
    assert not await outbox.refuse(KID, 4, "conflict")
    assert not await outbox.refuse(b"?" * 16, 1, "conflict")
    assert (outbox.depth, outbox.quarantined) == (2, 1)
    await outbox.close()

    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert [r[1] for r in await peek_all(outbox)] == [1, 3]
    assert outbox.losses == []
    assert (outbox.depth, outbox.quarantined) == (2, 1)
    assert (await outbox.release({KID: [(1, 3)]}, NOW)).rows == 3
    assert (outbox.depth, outbox.quarantined) == (0, 0)
    await outbox.close()


async def test_one_process_at_a_time(outbox, path):
    with pytest.raises(OutboxLocked):
        await Outbox.open(path, quota_bytes=QUOTA)
    assert not path.with_name("outbox.db-shm").exists()
    with (
        closing(sqlite3.connect(path, timeout=0)) as reader,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        reader.execute("SELECT * FROM record")
    await outbox.append(KID, rows(1, 1))


async def test_a_reader_at_the_file_is_named_as_the_one_who_holds_it(path):
    await (await Outbox.open(path, quota_bytes=QUOTA)).close()
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM record").fetchall()
    with pytest.raises(OutboxLocked) as locked:
        await Outbox.open(path, quota_bytes=QUOTA)
    reader.close()
    assert "Stop the other vitalpost process" in locked.value.hint


async def test_a_newer_outbox_is_left_as_it_is(path):
    later = sqlite3.connect(path)
    later.execute("CREATE TABLE shard (id INTEGER PRIMARY KEY)")
    later.execute(f"PRAGMA user_version = {VERSION + 1}")
    later.close()
    before = path.read_bytes()
    with pytest.raises(OutboxNewer) as newer:
        await Outbox.open(path, quota_bytes=QUOTA)
    assert (newer.value.found, newer.value.known) == (VERSION + 1, VERSION)
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [(path.name, before)]


async def test_an_outbox_of_ours_whose_version_is_damaged_is_no_newer_one(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 3))
    await outbox.close()
    with path.open("r+b") as file:
        file.seek(60)  # user_version, in SQLite's header
        file.write(b"\x40")
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert outbox.losses == [("files", 1, "outbox.db.damaged-1", 3)]
    assert await peek_all(outbox) == [(KID, *row) for row in rows(1, 3)]
    await outbox.close()


async def test_key_records_that_are_lost_are_told_once_and_kept(path):
    for kid in (KID, b"n" * 16):
        outbox = await Outbox.open(path, quota_bytes=QUOTA)
        await outbox.begin_epoch(kid, b"key record of " + kid)
        await outbox.append(kid, rows(1, 3))
        await outbox.close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"record of " + KID, b"damaged!! " + KID))
    told = []
    for _ in range(2):
        outbox = await Outbox.open(path, quota_bytes=QUOTA)
        told.append(outbox.losses)
        assert await peek_all(outbox) == [(b"n" * 16, *row) for row in rows(1, 3)]
        await outbox.close()
    assert told == [[("key-records", 1, "", 0), ("rows", 3, "", 0)], []]
    assert path.read_bytes().count(b"damaged!!") == 2


@pytest.mark.parametrize("strange", [b"not a database" * 99, b"SQLite format 3\0" * 99])
async def test_what_is_no_outbox_is_set_aside_and_never_overwritten(path, strange):
    for number in (1, 2):
        path.write_bytes(strange)
        outbox = await Outbox.open(path, quota_bytes=QUOTA)
        assert outbox.losses == [("files", 1, f"outbox.db.damaged-{number}", 0)]
        await outbox.begin_epoch(KID, KEY_RECORD)
        await outbox.close()
    for number in (1, 2):
        assert path.with_name(f"outbox.db.damaged-{number}").read_bytes() == strange


async def test_one_bad_page_costs_the_rows_on_it_and_no_others(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    for first in range(1, 2000, 100):
        await outbox.append(KID, rows(first, first + 99))
    await outbox.close()
    content = bytearray(path.read_bytes())
    page = content.index(sealed(1000)) // 1024 * 1024
    content[page : page + 8] = bytes(8)  # the header of one leaf of the table
    path.write_bytes(content)

    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    [loss] = outbox.losses
    left = await peek_all(outbox)
    assert (loss.what, loss.kept_as) == ("files", "outbox.db.damaged-1")
    assert loss.read_back == len(left) == outbox.depth
    assert 1950 < len(left) < 2000
    assert set(left) < {(KID, *row) for row in rows(1, 2000)}
    assert path.with_name(loss.kept_as).read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir() if "wal" not in p.name) == [
        "outbox.db",
        "outbox.db.damaged-1",
        "outbox.reserve",
    ]
    await outbox.close()


async def test_a_rebuilding_that_was_killed_before_its_last_step_is_finished(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, rows(1, 3))
    await outbox.close()
    path.rename(path.with_name("outbox.db.rebuilt"))
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert (outbox.losses, outbox.depth) == ([], 3)
    await outbox.close()


async def test_a_log_whose_database_is_gone_is_set_aside(path):
    path.with_name("outbox.db-wal").write_bytes(b"log" * 999)
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    assert outbox.losses == [("files", 1, "outbox.db.damaged-1", 0)]
    await outbox.close()
    assert path.with_name("outbox.db.damaged-1-wal").read_bytes() == b"log" * 999


async def test_a_damaged_log_is_copied_and_its_lost_frames_are_reported_once(path):
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    for row in rows(1, 20):
        await outbox.append(KID, [row])
    log = bytearray(path.with_name("outbox.db-wal").read_bytes())
    files = path.parent / "files"
    shutil.copytree(path.parent, files)
    await outbox.close()
    log[-5 * 1048 - 100] ^= 1
    (files / "outbox.db-wal").write_bytes(log)

    outbox = await Outbox.open(files / "outbox.db", quota_bytes=QUOTA)
    [loss] = outbox.losses
    assert (loss.what, loss.kept_as) == ("log-frames", "outbox.db-wal.damaged-1")
    assert loss.amount >= 6
    assert (files / loss.kept_as).read_bytes() == log
    left = await peek_all(outbox)
    assert left == [(KID, *row) for row in rows(1, len(left))]
    assert len(left) >= 20 - loss.amount
    await outbox.append(KID, rows(21, 21))
    shutil.copytree(files, path.parent / "again")
    await outbox.close()

    again = await Outbox.open(path.parent / "again" / "outbox.db", quota_bytes=QUOTA)
    assert again.losses == []
    assert again.depth == len(left) + 1
    await again.close()


async def make_files(folder):
    """An outbox that was closed, and one whose process was killed before a checkpoint."""
    outbox = await Outbox.open(folder / "live" / "outbox.db", quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    await outbox.append(KID, [*rows(1, 40), (41, sealed(41, 3000))])
    for row in rows(42, 60):
        await outbox.append(KID, [row])
    await outbox.refuse(KID, 60, "conflict")
    shutil.copytree(folder / "live", folder / "killed")
    await outbox.close()
    shutil.copytree(folder / "live", folder / "closed")


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    (folder / "live").mkdir()
    asyncio.run(make_files(folder))
    return folder


@pytest.mark.parametrize("ending", ["killed/outbox.db", "killed/outbox.db-wal", "closed/outbox.db"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_damaged_no_wrong_row_comes_out_and_no_loss_is_silent(
    sound_files, ending, data
):
    async def read():
        outbox = await Outbox.open(folder / "outbox.db", quota_bytes=QUOTA)
        try:
            batch = await outbox.peek(0, 1000, 1 << 30)
            return everything(batch), batch.key_records, outbox.losses, await outbox.unclosed()
        finally:
            await outbox.close()

    folder = sound_files / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree((sound_files / ending).parent, folder)
    file = folder / Path(ending).name
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if file.name == "outbox.db" and data.draw(st.booleans()):
        at -= at % 512
        content[at : at + 512] = bytes(512)
    else:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)

    try:
        found, key_records, losses, whole_epochs = asyncio.run(read())
    except OutboxNewer:
        assert 60 <= at < 64
        return
    whole = [(KID, *row) for row in [*rows(1, 40), (41, sealed(41, 3000)), *rows(42, 59)]]
    assert set(found) <= {*whole, (KID, 60, sealed(60))}
    assert len(set(found)) == len(found)
    assert losses or found[:59] == whole
    assert key_records == ({KID: KEY_RECORD} if found else {})
    chain = extend_chain(CHAIN_START, [*(row[2] for row in whole), sealed(60)])
    assert whole_epochs in ([], [(KID, 60, chain, None)])


APPEND_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from tests.uplink.test_outbox import KEY_RECORD, KID, NOW, QUOTA, rows
from uplink.outbox import Outbox

async def main():
    outbox = await Outbox.open(Path(sys.argv[1]), quota_bytes=QUOTA)
    await outbox.begin_epoch(KID, KEY_RECORD)
    last = 0
    while True:
        group = 1 + last % 7
        await outbox.append(KID, rows(last + 1, last + group))
        last += group
        print(last, flush=True)
        if last % 5 == 0:
            await outbox.release({KID: [(1, last // 2)]}, NOW)

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_process_leaves_every_acknowledged_row(path, seed):
    wanted = random.Random(seed).randrange(1, 900)
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", APPEND_UNTIL_KILLED, path], stdout=subprocess.PIPE, cwd=root
    )
    with child.stdout:
        acknowledged = next(int(line) for line in child.stdout if int(line) >= wanted)
        child.kill()
        acknowledged = max([acknowledged, *map(int, child.stdout.read().splitlines())])
    assert child.wait() == -signal.SIGKILL

    async def verify():
        outbox = await Outbox.open(path, quota_bytes=QUOTA)
        found = await peek_all(outbox)
        first, last = found[0][1], found[-1][1]
        assert outbox.losses == []
        assert found == [(KID, *row) for row in rows(first, last)]
        assert first <= acknowledged // 2 + 1
        assert acknowledged <= last <= acknowledged + 7
        assert outbox.previous() == Previous(KID, last, closed_cleanly=False)
        await outbox.close()

    asyncio.run(verify())


def filesystem_of(path):
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    holding = [(len(at), kind) for _, at, kind, *_ in mounts if path.is_relative_to(at)]
    return max(holding)[1]


def bytes_written():
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(io["write_bytes"])


async def test_a_reading_alone_costs_flash_at_most_six_and_a_half_kilobytes(outbox, path):
    if filesystem_of(path) in {"tmpfs", "overlay"}:
        pytest.skip("the test folder is in memory, where the kernel counts no bytes written")
    before = bytes_written()
    for row in rows(1, 200):
        await outbox.append(KID, [row])
    each = (bytes_written() - before) / 200
    assert 1000 < each <= 6500


async def test_the_fate_of_a_record_is_told_by_what_receipts_said_of_it(tmp_path):
    outbox = await Outbox.open(tmp_path / "outbox.db", quota_bytes=1 << 20, keep_days=0)
    kid = bytes(16)
    await outbox.begin_epoch(kid, b"key record")
    await outbox.append(kid, [(number, b"sealed" * number) for number in (1, 2, 3)])
    await outbox.release({kid: [(1, 1)]}, 1_790_000_000_000)
    await outbox.refuse(kid, 2, "conflict")
    assert [await outbox.fate(kid, number) for number in (1, 2, 3, 4)] == [
        "receipted",
        "refused",
        "waiting",
        "unknown",
    ]
    assert await outbox.fate(b"k" * 16, 1) == "unknown"
    await outbox.close()
