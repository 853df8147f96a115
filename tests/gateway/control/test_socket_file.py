import grp
import os
import signal
import socket
import subprocess
import sys

import pytest

from gateway.control.socket_file import ControlSocket
from gateway.errors import ConfigError, ControlInUse
from gateway.settings import ControlSettings

DIES = """
import os, signal, socket, sys
hub = socket.socket(socket.AF_UNIX)
hub.bind(sys.argv[1])
hub.listen()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "control.sock"


def settings(path, group=""):
    return ControlSettings(str(path), group)


def connects(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def mode(path):
    return oct(path.stat().st_mode & 0o7777)


def test_only_its_group_may_use_it_whatever_the_umask_is(path):
    umask = os.umask(0)
    try:
        made = ControlSocket(settings(path))
    finally:
        os.umask(umask)
    assert (mode(path), mode(path.parent)) == ("0o660", "0o750")
    assert connects(path)
    made.close()
    assert not path.exists()


def test_the_socket_of_a_hub_that_was_killed_is_replaced(path):
    path.parent.mkdir(mode=0o700)
    died = subprocess.run([sys.executable, "-c", DIES, path], check=False)
    assert died.returncode == -signal.SIGKILL
    assert path.is_socket()
    made = ControlSocket(settings(path))
    assert connects(path)
    made.close()


def test_the_socket_of_another_process_is_left_to_it(path):
    first = ControlSocket(settings(path))
    with pytest.raises(ControlInUse, match="in use by another process"):
        ControlSocket(settings(path))
    assert connects(path)
    first.close()


def test_a_socket_that_another_has_put_in_its_place_stays(path):
    first = ControlSocket(settings(path))
    path.rename(path.with_name("old"))
    second = ControlSocket(settings(path))
    first.close()
    assert connects(path)
    second.close()


def test_another_file_at_its_path_is_never_removed(path):
    path.parent.mkdir(mode=0o700)
    path.write_text("a file")
    with pytest.raises(ConfigError, match="which is no socket"):
        ControlSocket(settings(path))
    assert path.read_text() == "a file"


def test_a_folder_that_is_open_to_everybody_is_refused_with_what_to_do(path):
    path.parent.mkdir()
    path.parent.chmod(0o755)
    with pytest.raises(ConfigError, match="open to everybody") as refused:
        ControlSocket(settings(path))
    assert f"chmod o= {path.parent}" in refused.value.hint


def test_a_folder_that_cannot_be_used_is_named(path):
    path.parent.write_text("a file")
    path.parent.chmod(0o600)
    with pytest.raises(ConfigError, match=r"run/control\.sock: Not a directory"):
        ControlSocket(settings(path))


def test_a_group_of_the_machine_is_given_folder_and_socket(path):
    mine = os.getgroups()[-1] if os.geteuid() else 1
    made = ControlSocket(settings(path, grp.getgrgid(mine).gr_name))
    assert (path.stat().st_gid, path.parent.stat().st_gid) == (mine, mine)
    made.close()


def test_a_group_that_is_not_there_is_named_with_what_to_do(path):
    with pytest.raises(ConfigError, match=r"control.group: found 'no-such'") as refused:
        ControlSocket(settings(path, "no-such"))
    assert "groupadd no-such" in refused.value.hint
