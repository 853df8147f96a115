"""Programs that upgrade an older file and die of `kill -9` on the way: WHAT OLDER FOLDER.

One life each in a copy of OLDER: the first ends before the first call to SQLite or of a file, the
next before the second, and so on, until one is not ended any more. Prints how many were, and the
exit code of that one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
from itertools import count
from pathlib import Path

from gateway.clock import Moment
from gateway.memory import Memory
from gateway.settings_upgrade import upgrade_file
from uplink.outbox import Outbox

OF_SQLITE = {"execute", "executemany", "close"}
OF_FILES = {"open", "write", "flush", "fsync", "fchmod", "fchown", "replace", "rename", "unlink"}
CALLS = OF_SQLITE | OF_FILES | {"posix_fallocate"}


async def upgrade_outbox(folder: Path) -> None:
    outbox = await Outbox.open(folder / "outbox.db", quota_bytes=1 << 20)
    await outbox.close()


async def upgrade_settings(folder: Path) -> None:
    upgrade_file(folder / "gateway.toml")


async def upgrade_memory(folder: Path) -> None:
    memory = Memory(folder)
    memory.recall([], Moment(0, 0, 0), b"")
    await memory.save()


WHAT = {"outbox": upgrade_outbox, "settings": upgrade_settings, "memory": upgrade_memory}


def live(what: str, folder: Path, last: int) -> None:
    steps = count(1)

    def watch(_frame: object, event: str, called: object) -> None:
        name = getattr(called, "__name__", "") if event == "c_call" else ""
        if name in CALLS and next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)  # for the outbox's thread and others
    sys.setprofile(watch)
    asyncio.run(WHAT[what](folder))


def main(what: str, older: Path, folder: Path) -> None:
    for number in count(1):
        home = folder / str(number)
        shutil.copytree(older, home)
        pid = os.fork()
        if pid == 0:
            live(what, home, number)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != -signal.SIGKILL:
            sys.stdout.write(f"{number - 1} {code}\n")
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
