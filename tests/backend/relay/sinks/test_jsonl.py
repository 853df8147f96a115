import fcntl
import os
import resource
import signal
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import SinkFailed
from backend.relay.relayed import MARK
from backend.relay.sinks import Page
from backend.relay.sinks.jsonl import JsonLines, StandardOutput, find_sound
from drivers.errors import Retry


def line(cursor, filling="x"):
    return b'%s%d,"filling":"%s"}' % (MARK, cursor, filling.encode())


def page(first, last):
    return Page(first, last, [line(n) for n in range(first, last + 1)], {})


def cursors(path):
    lines = path.read_bytes().splitlines(keepends=True)
    assert all(one.startswith(MARK) and one.endswith(b'"}\n') for one in lines)
    return [int(one[len(MARK) :].partition(b",")[0]) for one in lines]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.jsonl"


@contextmanager
def limited_to(size):
    """No file of this process may grow beyond this size: a full disk, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_pages_are_appended_to_a_private_file(path):
    sink = JsonLines(path)
    sink.write(page(1, 2))
    sink.write(page(3, 3))
    assert cursors(path) == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600
    sink.close()


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(path):
    sink = JsonLines(path)
    sink.write(page(1, 2))
    moved = path.rename(path.with_suffix(".1"))
    sink.write(page(3, 4))
    path.unlink()
    sink.write(page(5, 5))
    assert (cursors(moved), cursors(path)) == ([1, 2], [5])
    sink.close()


def test_a_page_that_does_not_fit_leaves_no_half_line(path):
    sink = JsonLines(path)
    sink.write(page(1, 2))
    size = path.stat().st_size
    with limited_to(size + 10), pytest.raises(SinkFailed) as caught:
        sink.write(page(3, 4))
    assert caught.value.retry is Retry.LATER
    assert cursors(path) == [1, 2]
    sink.write(page(3, 4))
    assert cursors(path) == [1, 2, 3, 4]
    sink.close()


@given(st.data())
def test_wherever_a_page_was_torn_whole_lines_stay_and_it_is_written_again(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "readings.jsonl"
    acknowledged, torn = page(1, 2).body(), page(3, 5).body()
    torn = bytearray(torn[: data.draw(st.integers(0, len(torn)))])
    for hole in data.draw(st.lists(st.integers(0, len(torn)), max_size=2)):
        torn[hole : hole + 7] = bytes(len(torn[hole : hole + 7]))
    path.write_bytes(acknowledged + torn)
    sink = JsonLines(path)
    sink.write(page(3, 5))
    sink.close()
    found = cursors(path)
    assert found[:2] == [1, 2]
    assert found[-3:] == [3, 4, 5]
    assert path.read_bytes().startswith(acknowledged)


def test_a_first_page_that_was_torn_is_written_again(path):
    for torn in (MARK[:5], line(1)[:-4], bytes(4096), line(1)):
        path.write_bytes(torn)
        sink = JsonLines(path)
        sink.write(page(1, 2))
        sink.close()
        assert cursors(path) == [1, 2]


def test_a_damaged_line_that_was_acknowledged_is_left_as_it_is(path):
    damaged = page(1, 2).body() + b"\0" * 40 + b"\n" + page(4, 5).body()
    path.write_bytes(damaged)
    sink = JsonLines(path)
    sink.write(page(6, 6))
    sink.close()
    assert path.read_bytes() == damaged + page(6, 6).body()


def test_only_the_end_of_a_long_file_is_read(path):
    many = b"".join(line(n, "x" * 1000) + b"\n" for n in range(1, 6000))
    path.write_bytes(many + line(6000)[:-3])
    sink = JsonLines(path)
    sink.write(page(6000, 6001))
    sink.close()
    assert path.read_bytes() == many + page(6000, 6001).body()


def test_somebody_elses_file_is_left_alone(path):
    path.write_bytes(b"date,systolic\n2026-03-02,120")
    with pytest.raises(SinkFailed) as caught:
        JsonLines(path).write(page(1, 1))
    assert caught.value.retry is Retry.TECHNICIAN
    assert path.read_bytes() == b"date,systolic\n2026-03-02,120"


def test_two_relays_do_not_write_to_one_file(path):
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SinkFailed, match="another process"):
            JsonLines(path).write(page(1, 1))
    JsonLines(path).write(page(1, 1))
    assert cursors(path) == [1]


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    sink = JsonLines(tmp_path / "later" / "readings.jsonl")
    with pytest.raises(SinkFailed):
        sink.write(page(1, 1))
    (tmp_path / "later").mkdir()
    sink.write(page(1, 1))
    sink.close()
    assert cursors(tmp_path / "later" / "readings.jsonl") == [1]


def test_standard_output_is_acknowledged_when_written_and_fails_for_good_when_nobody_reads():
    reader, writer = os.pipe()
    sink = StandardOutput(writer)
    sink.write(page(1, 2))
    assert os.read(reader, 4096) == page(1, 2).body()
    os.close(reader)
    with pytest.raises(SinkFailed) as caught:
        sink.write(page(3, 3))
    assert caught.value.retry is Retry.NEVER
    os.close(writer)


@given(st.binary(max_size=200))
def test_whatever_bytes_end_the_file_no_more_than_they_is_cut(tail):
    whole = page(1, 1).body()
    assert len(whole) <= find_sound(whole + tail, 2) <= len(whole + tail)
