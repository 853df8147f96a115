import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.control.client import ask
from gateway.errors import HubNotRunning, NotAllowed, RequestRefused
from gateway.settings import ControlSettings
from gateway.words import ago
from tests.fakes.hub_folder import HubFolder

NOBODY = 65534
CUFF = """
[[devices]]
name = "cuff"
driver = "sig-blood-pressure"
address = "F0:00:00:12:34:56"
maker = "A&D Medical"
model = "UA-651BLE"
serial = "5100000001"
bond = true
"""


@contextmanager
def running(hub, folder):
    """`vitalpost run` without a system bus, until it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(30)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/no-bus",
        }
        command = [sys.executable, "-m", "gateway", "run", "--settings", hub.settings]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as daemon:
            try:
                manager.recv(200)
                yield daemon
            finally:
                daemon.kill()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    hub = HubFolder(folder, CUFF)
    with running(hub, folder):
        yield hub


@pytest.fixture
def vitalpost(hub, capsys):
    def vitalpost(*words):
        code = main([*words, "--settings", str(hub.settings)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return vitalpost


def test_status_says_how_the_hub_stands_and_ends_with_1_where_something_is_amiss(vitalpost):
    code, out, err = vitalpost("status")
    assert code == 1
    assert "broker not reached: 127.0.0.1:1" in err
    first, *rest = out.splitlines()
    assert first.startswith("hub-1    vitalpost ")
    heads = [line.split()[0] for line in rest]
    assert [head for head in heads if head != "data"] == [
        "uplink",
        "outbox",
        "storage",
        "clock",
        "set-up",
        "device",
        "network",
        "control",
    ]
    assert "0 waiting, 0 in quarantine" in out
    assert "cuff: heard never, last reading never" in out
    code, out, _ = vitalpost("status", "--json")
    status = json.loads(out)
    assert (code, status["protocol"], status["hub"]) == (1, 1, "hub-1")
    assert status["devices"][0]["name"] == "cuff"


def test_devices_are_listed(vitalpost):
    code, out, err = vitalpost("devices", "list")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "DRIVER", "BONDED", "HEARD", "LAST", "SESSION", "FAILURES"],
        ["cuff", "sig-blood-pressure", "not", "known", "yet", "never", "none", "yet", "0"],
    ]
    code, out, _ = vitalpost("devices", "list", "--json")
    assert [device["bonded"] for device in json.loads(out)] == [None]


def test_set_up_is_opened_looked_at_and_closed(vitalpost):
    assert vitalpost("setup", "status")[1].startswith("Set-up is closed to keep this hub safe.")
    assert vitalpost("setup", "open")[:2] == (
        0,
        "Set-up is open for 15 min: hold the device's pairing button.\n",
    )
    assert json.loads(vitalpost("setup", "status", "--json")[1])["open"] is True
    assert vitalpost("setup", "close")[1].startswith("Set-up is closed")
    assert json.loads(vitalpost("setup", "status", "--json")[1])["open"] is False


def test_a_hub_that_does_not_run_is_said_with_what_to_do(tmp_path, capsys):
    hub = HubFolder(tmp_path)
    with running(hub, tmp_path) as daemon:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
    for left_behind in (True, False):
        assert hub.control.exists() is left_behind
        for command in (["status"], ["devices", "list"], ["setup", "open"]):
            assert main([*command, "--settings", str(hub.settings)]) == 1
            said = capsys.readouterr()
            assert said.out == ""
            assert "systemctl start vitalpost" in said.err
        hub.control.unlink(missing_ok=True)


def test_the_socket_of_a_killed_hub_does_not_keep_the_next_one_from_starting(tmp_path):
    hub = HubFolder(tmp_path)
    for life in ("first", "second"):
        (tmp_path / life).mkdir()
        with running(hub, tmp_path / life) as daemon:
            assert hub.ask("hello")["hub"] == "hub-1"
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        assert hub.control.exists()


def test_who_is_not_of_the_group_is_refused_with_3_and_told_how_to_get_in(capsys):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        hub = HubFolder(folder)
        hub.settings.chmod(0o644)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(hub.control))
            server.listen()
            hub.control.chmod(0)
            with somebody_else():
                code = main(["status", "--settings", str(hub.settings)])
    assert code == 3
    assert "usermod -aG vitalpost" in capsys.readouterr().err


def test_an_outbox_of_another_user_is_not_opened(capsys):
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        hub = HubFolder(folder)
        hub.settings.chmod(0o644)
        hub.outbox.parent.mkdir(mode=0)
        with somebody_else():
            code = main(["outbox", "stats", "--settings", str(hub.settings)])
        hub.outbox.parent.chmod(0o700)
    assert code == 3
    assert "Run it as the hub's user" in capsys.readouterr().err


@contextmanager
def somebody_else():
    """Root may do anything, so root becomes somebody else; for others no mode is enough."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_the_group_of_the_settings_is_named_to_who_may_not(tmp_path):
    path = tmp_path / "closed" / "control.sock"
    path.parent.mkdir(mode=0)
    with somebody_else(), pytest.raises(NotAllowed) as refused:
        ask(ControlSettings(str(path), "nurses"), "status")
    assert "group nurses" in refused.value.hint


def test_what_the_hub_refuses_is_said_in_its_own_words(hub):
    with pytest.raises(RequestRefused) as refused:
        hub.ask("dance")
    assert refused.value.error == "'dance' cannot be asked"
    assert "hello, status" in refused.value.hint


@pytest.mark.parametrize("answer", [b"", b'{"ok": tr', b"[1]\n", b"SSH-2.0\r\n"])
def test_an_answer_that_breaks_off_or_is_none_is_no_answer(tmp_path, answer):
    path = tmp_path / "control.sock"
    speaks = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()"
    )
    speaks += "; print(flush=True); c = s.accept()[0]; c.recv(99); c.sendall(eval(sys.argv[2]))"
    command = [sys.executable, "-c", speaks, path, repr(answer)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(HubNotRunning):
            ask(ControlSettings(str(path)), "hello")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "never"),
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_how_long_ago_is_said_in_its_largest_unit(seconds, words):
    assert ago(seconds) == words


def test_the_outbox_is_looked_after_by_the_hub_that_runs(vitalpost):
    code, out, err = vitalpost("outbox", "stats", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["quarantined"] == {}
    assert json.loads(vitalpost("outbox", "verify", "--json")[1])["is_sound"]
    assert vitalpost("outbox", "requeue")[:2] == (0, "rows     0\ndamaged  0\n")
