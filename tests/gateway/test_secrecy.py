import os
import resource
import sys

import pytest

from gateway.logs.ring import LINES, LogRing
from tests.fakes.canaries import Canaries

SECRET = bytes(range(7, 250, 11))
DIES = """
import os, sys
from gateway.secrecy import keep_memory_private
secret = bytes.fromhex(sys.argv[1])
if sys.argv[2] == "guarded":
    keep_memory_private()
os.chdir(sys.argv[3])
os.abort()
"""


@pytest.fixture
def may_dump():
    """The most that this machine allows of a core."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield hard != 0
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def die(how, folder):
    words = [sys.executable, "-c", DIES, SECRET.hex(), how, str(folder)]
    pid = os.posix_spawn(sys.executable, words, os.environ)
    return os.WCOREDUMP(os.waitpid(pid, 0)[1])


def test_a_process_that_keeps_its_memory_private_leaves_no_core_and_another_does(
    tmp_path, may_dump
):
    canaries = Canaries()
    canaries.plant("secret", SECRET)
    assert die("guarded", tmp_path) is False
    assert list(tmp_path.iterdir()) == []
    assert die("open", tmp_path) is may_dump
    # Where the kernel writes cores to a file, what is sought in them is found.
    for core in tmp_path.iterdir():
        assert canaries.found_in(core.read_bytes()) == {"secret"}


def test_the_ring_keeps_the_newest_lines_with_the_facts_that_are_named_and_no_other():
    now = [100.0]
    ring = LogRing(lambda: now[0])
    told = {"event": "broker-not-reached", "fault": "broker.example.org: refused", "hint": "x"}
    assert ring(None, "warning", told) is told
    now[0] += 30
    ring(None, "info", {"event": "hub-ready", "hub": "hub-1", "devices": 2, "waiting": 5})
    assert ring.tell() == [
        {"ago_s": 30, "level": "warning", "event": "broker-not-reached"},
        {"ago_s": 0, "level": "info", "event": "hub-ready", "devices": 2, "waiting": 5},
    ]
    for number in range(2 * LINES):
        ring(None, "info", {"event": "device-back", "device": "cuff", "value": number})
    assert len(ring.tell()) == LINES
    assert ring.tell()[-1].keys() == {"ago_s", "level", "event", "device"}


def test_a_fact_that_is_long_or_no_number_and_no_text_is_not_kept():
    ring = LogRing()
    ring(None, "info", {"event": "session-crashed", "error": "x" * 81, "at": ["120"]})
    assert ring.tell()[0].keys() == {"ago_s", "level", "event"}
