"""The control socket in the file system: who may come to it, and what a killed hub left there."""

from __future__ import annotations

import errno
import grp
import os
import socket
import stat
from pathlib import Path

from gateway.errors import ConfigError, ControlInUse
from gateway.settings import ControlSettings

SOCKET_MODE = 0o660
FOLDER_MODE = 0o750
OTHERS = 0o007
BACKLOG = 16


class ControlSocket:
    """Listens from the time it is made until it is closed.

    Only its group may use it, and its folder is closed to all others. What a killed hub left at its
    path is replaced. Raises ConfigError, and ControlInUse where another process listens there.
    """

    def __init__(self, settings: ControlSettings) -> None:
        self._path = Path(settings.socket)
        group = find_group(settings.group)
        try:
            _prepare_folder(self._path.parent, group)
            _clear(self._path)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.setblocking(False)
            try:
                # Before it listens nobody is let in, whatever its mode may be meanwhile.
                self.listener.bind(settings.socket)
                _give(self._path, group)
                self._path.chmod(SOCKET_MODE)
                self.listener.listen(BACKLOG)
                self._inode = self._path.stat().st_ino
            except BaseException:
                self.listener.close()
                raise
        except OSError as error:
            found = f"{self._path}: {error.strerror or error}"
            raise ConfigError("control.socket", found, "a path in a folder of the hub's") from error

    def close(self) -> None:
        """Listen no more and leave nothing behind; a socket that another has put there stays."""
        self.listener.close()
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except OSError:
            return  # the folder went first, as systemd's does


def find_group(name: str) -> int | None:
    """The number of the group, None for no name. Raises ConfigError."""
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError) as error:
        hint = f"Make it with `groupadd {name}`, or leave the line out."
        raise ConfigError("control.group", repr(name), "a group of this machine", hint) from error


def _prepare_folder(folder: Path, group: int | None) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(FOLDER_MODE)  # whatever the umask is
    _give(folder, group)
    if stat.S_IMODE(folder.stat().st_mode) & OTHERS:
        raise ConfigError(
            "control.socket",
            f"{folder}, which is open to everybody",
            "a folder for the hub and its group",
            f"Run `chmod o= {folder}`, or name a folder of its own, such as /run/vitalpost.",
        )


def _give(path: Path, group: int | None) -> None:
    if group is None or path.stat().st_gid == group:
        return
    try:
        os.chown(path, -1, group)
    except OSError as error:  # not allowed, or no group of the user namespace
        raise ConfigError(
            "control.group",
            f"{path}: {error.strerror}",
            "a group that the hub's user is in",
            "Make the hub's user a member of it, as docs/control.md says, or leave the line out.",
        ) from error


def _clear(path: Path) -> None:
    """Remove the socket of a hub that was killed.

    Two hubs that find it at once are told apart before: the outbox lets only one of them on.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        wanted = "a path where no other file is"
        raise ConfigError("control.socket", f"{path}, which is no socket", wanted)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(str(path))
    if answer != errno.ECONNREFUSED:
        raise ControlInUse(str(path))
    path.unlink()
