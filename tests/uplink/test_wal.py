import shutil
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink.wal import Scan, scan

PAGE = 1024
FRAME = 24 + PAGE
ROWS = 12


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The files of a database whose process was killed after twelve commits: (path, log)."""
    folder = tmp_path_factory.mktemp("wal")
    db = sqlite3.connect(folder / "live.db", isolation_level=None)
    db.execute(f"PRAGMA page_size={PAGE}")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE record (id INTEGER PRIMARY KEY, sealed BLOB)")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(ROWS):
        db.execute("INSERT INTO record VALUES (?, randomblob(110))", (number,))
    shutil.copy(folder / "live.db", folder / "killed.db")
    log = (folder / "live.db-wal").read_bytes()
    db.close()
    return folder / "killed.db", log


def rows_that_sqlite_finds(path, log):
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.with_name("copy.db-wal").write_bytes(log)
    db = sqlite3.connect(copy)
    try:
        return db.execute("SELECT count(*) FROM record").fetchone()[0]
    finally:
        db.close()


def test_a_whole_log_loses_nothing(killed):
    path, log = killed
    assert scan(log, PAGE) == Scan(sound=(len(log) - 32) // FRAME, lost=0)
    assert rows_that_sqlite_finds(path, log) == ROWS


@given(st.data())
def test_a_flipped_bit_loses_exactly_the_commits_that_sqlite_drops(killed, data):
    path, log = killed
    damaged = bytearray(log)
    at = data.draw(st.integers(0, len(log) - 1))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))

    found = scan(bytes(damaged), PAGE)

    undamaged_part = log[: 32 + found.sound * FRAME]
    assert rows_that_sqlite_finds(path, bytes(damaged)) == rows_that_sqlite_finds(
        path, undamaged_part
    )
    assert found.lost > 0
    assert found.lost <= (len(log) - 32) // FRAME - found.sound


def test_what_an_unfinished_transaction_or_an_older_log_left_is_no_loss(killed):
    _, log = killed
    whole = scan(log, PAGE)
    unfinished = bytearray(log[-FRAME:])
    unfinished[4:8] = bytes(4)
    unfinished[100] ^= 1
    older = bytearray(log[-FRAME:])
    older[8] ^= 1
    older[12] ^= 1
    older[100] ^= 1
    assert scan(log + unfinished, PAGE) == whole
    assert scan(log + older, PAGE) == whole
    assert scan(log + bytes(3 * FRAME), PAGE) == whole
    assert scan(log + log[-FRAME:-1], PAGE) == whole


@pytest.mark.parametrize("at", [8, 12])
def test_a_frame_that_still_bears_one_of_the_salts_is_no_older_one(killed, at):
    _, log = killed
    damaged = bytearray(log)
    damaged[at - FRAME] ^= 1
    damaged[-1] ^= 1
    assert scan(bytes(damaged), PAGE).lost > 0


def test_without_a_header_every_commit_may_be_lost_whatever_else_is_damaged(killed):
    _, log = killed
    damaged = bytearray(log)
    for at in (6, 32 + 8, 32 + 12):
        damaged[at] ^= 1
    frames = (len(log) - 32) // FRAME
    assert scan(bytes(damaged), PAGE) == Scan(sound=0, lost=frames)


@given(st.binary(max_size=4 * FRAME))
def test_any_bytes_can_be_scanned(garbage):
    found = scan(garbage, PAGE)
    assert found.sound == 0
    assert 0 <= found.lost <= 3
