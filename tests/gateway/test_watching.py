import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from gateway.cli.watching import BELOW, END_OF_LINE, HOME, RED, YELLOW, Line, draw, watch
from gateway.errors import HubNotRunning, NotAllowed
from gateway.requests import Status
from tests.fakes.asked_hub import AskedHub
from tests.fakes.hub_folder import HubFolder
from tests.gateway.test_commands_of_a_running_hub import running

SMALL = os.terminal_size((20, 4))
SOON_S = 1e-9
AWAY = HubNotRunning("/run/vitalpost/control.sock", "Connection refused")


class Looks:
    """What one look after another finds; then somebody presses Ctrl-C."""

    def __init__(self, *found):
        self.found = list(found)

    def __call__(self):
        if not self.found:
            raise KeyboardInterrupt
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
async def status(tmp_path):
    hub = await AskedHub.open(tmp_path)
    status = await hub.ask(Status())
    await hub.storage.outbox.close()
    return status


def watched(*found, **form):
    out = io.StringIO()
    assert watch(Looks(*found), out, every_s=SOON_S, **form) == 0
    return out.getvalue().splitlines()


def test_a_screen_is_drawn_over_the_last_one_and_cut_where_the_terminal_ends():
    lines = [Line("short"), Line("longer than twenty columns are"), Line("third"), Line("fourth")]
    assert draw(lines, SMALL, has_colour=True) == (
        f"{HOME}short{END_OF_LINE}\nlonger than twenty c{END_OF_LINE}\nthird{END_OF_LINE}\n{BELOW}"
    )


@pytest.mark.parametrize("has_colour", [True, False])
def test_what_is_amiss_is_coloured_where_colour_is_wanted(has_colour):
    drawn = draw([Line("stuck", RED), Line("slow", YELLOW)], SMALL, has_colour=has_colour)
    assert (RED in drawn, YELLOW in drawn) == (has_colour, has_colour)
    assert "\x1b[3" not in drawn or has_colour


async def test_without_a_terminal_the_lines_that_have_become_others_are_appended(status):
    first = watched(status)
    assert first[0].startswith("hub-1    vitalpost 0.1.0, running")
    assert not any(line.startswith("control") or "\x1b" in line for line in first)
    fuller = {**status, "outbox": {"waiting": 1, "oldest_s": 5, "quarantined": 0}}
    assert watched(status, status, fuller) == [
        *first,
        "outbox   1 waiting, the oldest for 5 s, 0 in quarantine",
    ]


async def test_a_hub_that_is_away_is_said_and_it_may_come_back(status):
    lines = watched(status, AWAY, AWAY, status)
    first = watched(status)
    assert lines == [*first, str(AWAY), f"    {AWAY.hint}", *first]


async def test_json_is_an_object_a_line(status):
    assert [json.loads(line) for line in watched(status, AWAY, status, as_json=True)] == 2 * [
        status
    ]


def test_who_may_not_look_is_told_so():
    with pytest.raises(NotAllowed):
        watch(Looks(NotAllowed("/run/vitalpost/control.sock")), io.StringIO(), every_s=SOON_S)


class Screen:
    """`vitalpost status --watch` on a terminal of its own."""

    def __init__(self, settings, **environment):
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "gateway", "status", "--watch", "--every", "0.1"]
        self.process = subprocess.Popen(
            [*command, "--settings", settings],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, **environment},
        )
        os.close(slave)
        self.seen = ""

    def until(self, text):
        while text not in self.seen:
            self.seen += os.read(self.master, 1 << 16).decode()
        seen, self.seen = self.seen, ""
        return seen

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        with suppress(OSError):  # Linux says EIO when nobody writes any more
            while os.read(self.master, 1 << 16):
                pass
        os.close(self.master)
        return self.process.wait()


def test_on_a_terminal_it_outlives_the_hubs_restart_and_ends_with_0_on_control_c(tmp_path):
    hub = HubFolder(tmp_path)
    with running(hub, tmp_path):
        screen = Screen(hub.settings, NO_COLOR="1")
        first = screen.until("broker not reached")
        assert first.count(HOME) == 1
        assert "hub-1" in first
    assert "Start the hub" in screen.until("systemctl")
    (tmp_path / "notify").unlink()
    with running(hub, tmp_path):
        later = screen.until("broker not reached")
        assert HOME in later
        assert not re.search(r"\x1b\[3\d", later)
        assert screen.interrupt() == 0
