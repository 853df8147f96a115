"""Every program writes into a pipe whose reader has gone, and says nothing about it."""

import os
import subprocess
import sys

import pytest

from tests.fakes.hub_folder import HubFolder

UNREAD = 141
DEADLINE_S = 60


@pytest.fixture
def unread():
    """The end of a pipe of which nobody has the other."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def play(unread, *words, **streams):
    streams = {"stdout": unread, "stderr": subprocess.PIPE} | streams
    command = [sys.executable, "-m", *map(str, words)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        command, check=False, timeout=DEADLINE_S, stdin=subprocess.DEVNULL, env=buffered, **streams
    )


@pytest.mark.parametrize(
    "words",
    [
        "gateway --help",
        "gateway version",
        "gateway version --json",
        "gateway drivers list",
        "gateway config schema",
        "gateway decode sig-blood-pressure 00780050005d00 --json",
        "backend --help",
        "backend version",
        *(f"gateway {name} --help" for name in ("run", "status")),
    ],
)
def test_a_command_whose_output_nobody_reads_ends_quietly(unread, words):
    ended = play(unread, *words.split())
    assert (ended.returncode, ended.stderr) == (UNREAD, b"")


def test_an_error_that_nobody_reads_ends_quietly_too(unread, tmp_path):
    ended = play(unread, "gateway", "status", "--settings", tmp_path / "none", stderr=unread)
    assert ended.returncode == UNREAD


def test_a_watch_ends_as_soon_as_its_reader_has_enough(tmp_path):
    hub = HubFolder(tmp_path)
    for form in ((), ("--json",)):
        words = ("gateway", "status", "--watch", *form, "--settings", str(hub.settings))
        with subprocess.Popen(
            [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as watch:
            said = (watch.stderr if form else watch.stdout).readline()  # no hub runs
            assert said
            watch.stdout.close()
            assert watch.wait(DEADLINE_S) == UNREAD  # the next look is a minute away
            assert b"Error" not in watch.stderr.read()
