import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.uplink.test_outbox import HOUR, KEY_RECORD, KID, NOW, everything, rows, sealed
from uplink.errors import OutboxNewer
from uplink.outbox import Outbox
from uplink.statements import CHAIN_START, Previous, extend_chain
from uplink.upgrade import VERSION

OLDER = Path(__file__).parent / "older"
NEXT = b"n" * 16
QUOTA = 1 << 20


@pytest.fixture
def older(tmp_path):
    """The outbox of a hub of version 1 that was killed: its log was not put into its database."""
    return shutil.copytree(OLDER / "outbox-1", tmp_path / "older") / "outbox.db"


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


async def check(path):
    """All that lay in the older file: 20 rows released, one refused, an epoch that is open."""
    outbox = await Outbox.open(path, quota_bytes=QUOTA)
    try:
        batch = await outbox.peek(0, 1000, 1 << 20)
        waiting = [*rows(21, 24), *rows(26, 60)]
        assert everything(batch) == [
            *[(KID, *row) for row in waiting],
            *[(NEXT, *row) for row in rows(1, 5)],
        ]
        assert batch.key_records == {NEXT: KEY_RECORD}
        stats = await outbox.stats()
        assert (stats.released, stats.quarantined) == (20, {"conflict": 1})
        assert (outbox.losses, list(outbox.checkpoints)) == ([], [KID])
        assert outbox.previous() == Previous(NEXT, 5, closed_cleanly=False)
        chain = extend_chain(CHAIN_START, [sealed(number) for number in range(1, 61)])
        assert (await outbox.reach(KID)).chain == chain
        return outbox.upgraded_from
    finally:
        await outbox.close()


@pytest.mark.parametrize("number", range(1, VERSION))
async def test_an_older_outbox_is_upgraded_once_with_all_that_lies_in_it(tmp_path, number):
    path = shutil.copytree(OLDER / f"outbox-{number}", tmp_path / "older") / "outbox.db"
    assert await check(path) == number
    assert await check(path) is None
    assert version(path) == VERSION


async def test_what_was_upgraded_goes_on_taking_and_releasing(older):
    outbox = await Outbox.open(older, quota_bytes=QUOTA)
    await outbox.append(NEXT, rows(6, 9))
    assert (await outbox.release({NEXT: [(1, 9)]}, NOW + HOUR)).rows == 9
    await outbox.close()


@pytest.fixture
def killed(tmp_path):
    """So many were killed, each in a folder of its own."""
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fakes.mortal_upgrade",
            "outbox",
            OLDER / "outbox-1",
            tmp_path,
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    killed, code = map(int, said.split())
    assert (killed > 30, code) == (True, 0)
    return killed


async def test_an_upgrade_that_is_killed_at_any_step_leaves_an_old_file_or_a_new_one(
    tmp_path, killed
):
    found = [await check(tmp_path / str(number) / "outbox.db") for number in range(1, killed + 1)]
    assert set(found) == {*range(1, VERSION), None}
    assert found.index(None) > 5  # deaths before the step and behind it
    assert found.count(None) > 5


async def test_an_older_outbox_whose_every_page_is_in_use_is_upgraded_all_the_same(older):
    pages = older.stat().st_size // 1024
    small = await Outbox.open(older, quota_bytes=(pages - 256) * 1024 if pages > 256 else 1)
    assert small.upgraded_from == 1
    await small.close()


async def test_a_file_with_the_version_of_an_older_one_and_other_tables_is_set_aside(older):
    with closing(sqlite3.connect(older)) as db:
        db.execute("CREATE TABLE strange (id)")
    outbox = await Outbox.open(older, quota_bytes=QUOTA)
    [loss] = outbox.losses
    assert (loss.what, loss.read_back) == ("files", 65)
    await outbox.close()


async def test_there_is_no_way_back(older):
    await check(older)
    with closing(sqlite3.connect(older)) as db:
        db.execute("CREATE TABLE later (id)")
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = older.read_bytes()
    with pytest.raises(OutboxNewer) as newer:
        await Outbox.open(older, quota_bytes=QUOTA)
    assert "Install the later version again" in newer.value.hint
    assert older.read_bytes() == before
